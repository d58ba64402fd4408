using System.Buffers.Binary;
using Runcvm.Kernels;

namespace Runcvm.Tests.Kernels;

public class ElfPackingTests
{
    private const int Gap = 0x20000;

    [Fact]
    public void What_is_loaded_stays_and_the_space_between_goes()
    {
        byte[] packed = ElfPacking.Pack(Elf(noteAt: Gap + 8));
        Assert.True(packed.Length < 3 * 4096, $"{packed.Length} bytes");
        Assert.Equal("first"u8.ToArray(), Segment(packed, 0));
        Assert.Equal("second with a note"u8.ToArray(), Segment(packed, 1));
        Assert.Equal("ith a"u8.ToArray(), Segment(packed, 2));
        Assert.Equal(0UL, BinaryPrimitives.ReadUInt64LittleEndian(packed.AsSpan(40)));
    }

    [Fact]
    public void A_part_that_would_be_lost_is_an_error()
        => Assert.Throws<InvalidDataException>(() => ElfPacking.Pack(Elf(noteAt: Gap / 2)));

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    public void A_file_shorter_than_a_header_is_an_error(int length)
        => Assert.Throws<InvalidDataException>(() => ElfPacking.Pack(new byte[length]));

    // 32: where the headers are. 72, 96: the offset and the size of the first segment.
    [Theory]
    [InlineData(32, 2 * Gap)]
    [InlineData(32, long.MaxValue)]
    [InlineData(32, -1)]
    [InlineData(72, 2 * Gap)]
    [InlineData(72, -1)]
    [InlineData(96, 2 * Gap)]
    [InlineData(96, long.MaxValue)]
    [InlineData(96, -1)]
    public void Headers_and_segments_beyond_the_file_are_an_error(int field, long value)
    {
        byte[] elf = Elf(noteAt: Gap + 8);
        BinaryPrimitives.WriteInt64LittleEndian(elf.AsSpan(field), value);
        var error = Assert.Throws<InvalidDataException>(() => ElfPacking.Pack(elf));
        Assert.EndsWith("is not in its file", error.Message, StringComparison.Ordinal);
    }

    private static byte[] Segment(byte[] elf, int index)
    {
        int header = 64 + (index * 56);
        int offset = (int)BinaryPrimitives.ReadUInt64LittleEndian(elf.AsSpan(header + 8));
        return elf[offset..(offset + (int)BinaryPrimitives.ReadUInt64LittleEndian(elf.AsSpan(header + 32)))];
    }

    // Two segments to load, far apart, and a note within the second; headers as in elf(5).
    private static byte[] Elf(int noteAt)
    {
        byte[] elf = new byte[2 * Gap];
        "first"u8.CopyTo(elf.AsSpan(0x1000));
        "second with a note"u8.CopyTo(elf.AsSpan(Gap));
        BinaryPrimitives.WriteUInt64LittleEndian(elf.AsSpan(32), 64);
        BinaryPrimitives.WriteUInt64LittleEndian(elf.AsSpan(40), 2 * Gap);
        BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan(56), 3);
        (uint Type, int Offset, int Size)[] segments = [(1, 0x1000, 5), (1, Gap, 18), (4, noteAt, 5)];
        for (int i = 0; i < segments.Length; i++)
        {
            Span<byte> header = elf.AsSpan(64 + (i * 56));
            BinaryPrimitives.WriteUInt32LittleEndian(header, segments[i].Type);
            BinaryPrimitives.WriteUInt64LittleEndian(header[8..], (ulong)segments[i].Offset);
            BinaryPrimitives.WriteUInt64LittleEndian(header[32..], (ulong)segments[i].Size);
        }

        return elf;
    }
}
