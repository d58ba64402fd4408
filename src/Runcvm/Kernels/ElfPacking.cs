using System.Buffers.Binary;

namespace Runcvm.Kernels;

/// <summary>Reduces an ELF64 executable to what is loaded. The linker lays a kernel's segments 2 MiB apart in the file, too, and
/// follows them with tables that no hypervisor reads: a third of the file.</summary>
internal static class ElfPacking
{
    private const int HeaderSize = 64;
    private const int ProgramHeaderSize = 56;
    private const uint Load = 1;
    private const long Alignment = 4096;

    // Offsets in Elf64_Ehdr and Elf64_Phdr, elf(5).
    private const int ProgramHeadersAt = 32;
    private const int SectionHeadersAt = 40;
    private const int ProgramHeaderCount = 56;
    private const int SectionHeaderSize = 58;
    private const int SegmentOffset = 8;
    private const int SegmentFileSize = 32;
    private const int SegmentAlignment = 48;

    private const long MostBytes = 1 << 30;

    /// <exception cref="InvalidDataException">its headers name what it has not got</exception>
    public static byte[] Pack(ReadOnlySpan<byte> elf)
    {
        if (elf.Length < HeaderSize)
            throw new InvalidDataException($"a kernel of {elf.Length} bytes has no ELF header");
        int count = BinaryPrimitives.ReadUInt16LittleEndian(elf[ProgramHeaderCount..]);
        ReadOnlySpan<byte> headers = Part(elf, Number(elf[ProgramHeadersAt..]), count * ProgramHeaderSize);
        var places = new List<(long Old, long New, long Size)>();
        long end = HeaderSize + headers.Length;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = headers[(i * ProgramHeaderSize)..];
            if (BinaryPrimitives.ReadUInt32LittleEndian(header) != Load) continue;
            long start = (end + Alignment - 1) & -Alignment;
            places.Add((Number(header[SegmentOffset..]), start, Number(header[SegmentFileSize..])));
            Part(elf, places[^1].Old, places[^1].Size);
            end = start + places[^1].Size;
            // Parts may lie over each other, and so be many times what the file is.
            if (end > MostBytes)
                throw new InvalidDataException($"the parts of the kernel have more than {MostBytes} bytes");
        }

        byte[] packed = new byte[end];
        elf[..HeaderSize].CopyTo(packed);
        headers.CopyTo(packed.AsSpan(HeaderSize));
        foreach ((long old, long now, long size) in places) elf.Slice((int)old, (int)size).CopyTo(packed.AsSpan((int)now));
        Set(packed.AsSpan(ProgramHeadersAt), HeaderSize);
        Set(packed.AsSpan(SectionHeadersAt), 0);
        // e_shentsize stays; e_shnum and e_shstrndx go.
        packed.AsSpan(SectionHeaderSize + 2, 4).Clear();
        for (int i = 0; i < count; i++) Move(packed.AsSpan(HeaderSize + (i * ProgramHeaderSize), ProgramHeaderSize), places);
        return packed;
    }

    private static ReadOnlySpan<byte> Part(ReadOnlySpan<byte> elf, long offset, long size)
        => offset >= 0 && size >= 0 && offset <= elf.Length && size <= elf.Length - offset
            ? elf.Slice((int)offset, (int)size)
            : throw new InvalidDataException($"a part of the kernel of {size} bytes at {offset} is not in its file");

    private static void Move(Span<byte> header, List<(long Old, long New, long Size)> places)
    {
        long offset = Number(header[SegmentOffset..]);
        long size = Number(header[SegmentFileSize..]);
        // Notes, too, lie in a part that is loaded; the table of what is no segment (the stack's flags) has no place at all.
        int at = places.FindIndex(p => p.Old <= offset && size <= p.Size && offset - p.Old <= p.Size - size);
        if (at < 0 && size > 0) throw new InvalidDataException($"a part of the kernel of {size} bytes at {offset} would be lost");
        if (at >= 0) Set(header[SegmentOffset..], offset - places[at].Old + places[at].New);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) == Load) Set(header[SegmentAlignment..], Alignment);
    }

    // More than a long holds is beyond each file, as the most that it holds is.
    private static long Number(ReadOnlySpan<byte> at)
        => (long)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(at), long.MaxValue);

    private static void Set(Span<byte> at, long value) => BinaryPrimitives.WriteUInt64LittleEndian(at, (ulong)value);
}
