using System.Buffers.Binary;
using System.Text;

namespace Runcvm.Sandbox;

/// <summary>The dynamic loader of a program: a second program, which the kernel runs with it (elf(5)).</summary>
internal static class ProgramLoader
{
    private const int HeaderSize = 64;
    private const int SegmentSize = 56;
    private const uint Interpreter = 3;
    private const int LongestPath = 4096;

    // Offsets in Elf64_Ehdr and Elf64_Phdr.
    private const int SegmentsAt = 32;
    private const int SegmentCountAt = 56;
    private const int OffsetAt = 8;
    private const int LengthAt = 32;

    /// <summary>Its path, or null where the program is static, or no ELF file.</summary>
    internal static string? Of(string program)
    {
        using FileStream file = File.OpenRead(program);
        byte[]? header = TryRead(file, 0, HeaderSize);
        if (header == null || !header.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F']))
            return null;
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(SegmentCountAt));
        byte[]? segments = TryRead(file, Number(header, SegmentsAt), count * SegmentSize);
        if (segments == null) return null;
        foreach (byte[] segment in segments.Chunk(SegmentSize))
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(segment) != Interpreter) continue;
            long length = Number(segment, LengthAt);
            if (length is < 2 or > LongestPath) return null;
            byte[]? path = TryRead(file, Number(segment, OffsetAt), (int)length);
            return path == null ? null : Encoding.UTF8.GetString(path).TrimEnd('\0');
        }

        return null;
    }

    private static long Number(byte[] bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(at));

    private static byte[]? TryRead(FileStream file, long offset, int length)
    {
        if (offset < 0 || offset > file.Length - length) return null;
        byte[] bytes = new byte[length];
        file.Position = offset;
        file.ReadExactly(bytes);
        return bytes;
    }
}
