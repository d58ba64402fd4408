using System.Buffers.Binary;

namespace Runcvm.Kernels;

/// <summary>A unified kernel image: a program for EFI firmware that carries a kernel, its command line and its
/// initramfs. Sources: the UAPI group's "Unified Kernel Image" specification; the file's format is PE, see ECMA-335,
/// partition II.25.</summary>
internal static class UnifiedImage
{
    // Where a PE file says where its header is, and the header's parts.
    private const int HeaderPlace = 0x3c;
    private const int SectionCount = 6;
    private const int OptionalHeaderSize = 20;
    private const int HeaderSize = 24;

    // A section's header.
    private const int SectionSize = 40;
    private const int VirtualSize = 8;
    private const int RawSize = 16;
    private const int RawPlace = 20;

    /// <summary>Finds the kernel inside. A plain kernel is such a program as well, without that section.</summary>
    /// <param name="file">the file's content</param>
    /// <param name="name">of the file, for messages</param>
    /// <param name="kernel">what the section <c>.linux</c> holds</param>
    public static bool TryKernel(ReadOnlySpan<byte> file, string name, out ReadOnlySpan<byte> kernel)
    {
        kernel = default;
        if (!file.StartsWith("MZ"u8) || file.Length < HeaderPlace + 4) return false;
        uint place = BinaryPrimitives.ReadUInt32LittleEndian(file[HeaderPlace..]);
        if (place > file.Length - HeaderSize || !file[(int)place..].StartsWith("PE\0\0"u8)) return false;
        ReadOnlySpan<byte> header = file[(int)place..];
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[SectionCount..]);
        int first = HeaderSize + BinaryPrimitives.ReadUInt16LittleEndian(header[OptionalHeaderSize..]);
        for (int i = 0; i < count; i++)
        {
            int offset = first + (i * SectionSize);
            if (offset + SectionSize > header.Length) return false;
            ReadOnlySpan<byte> section = header.Slice(offset, SectionSize);
            if (!section.StartsWith(".linux\0"u8)) continue;
            // A section is padded to the file's alignment; its own length is the virtual one.
            uint length = Math.Min(UInt32(section, VirtualSize), UInt32(section, RawSize));
            kernel = BootImage.Slice(file, UInt32(section, RawPlace), length, name);
            return true;
        }

        return false;
    }

    private static uint UInt32(ReadOnlySpan<byte> data, int offset)
        => BinaryPrimitives.ReadUInt32LittleEndian(data[offset..]);
}
