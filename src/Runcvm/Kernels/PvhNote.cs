using System.Buffers.Binary;

namespace Runcvm.Kernels;

/// <summary>Looks for the ELF note that tells a hypervisor where to enter an uncompressed x86 kernel.</summary>
internal static class PvhNote
{
    private const int ElfHeaderSize = 64;
    private const int ProgramHeaderSize = 56;
    private const uint PtNote = 4;

    // XEN_ELFNOTE_PHYS32_ENTRY of xen/interface/elfnote.h
    private const uint Phys32Entry = 18;

    /// <summary>Whether an ELF64 file has the note. Firecracker and QEMU refuse the kernel or hang without it.</summary>
    public static bool IsIn(ReadOnlySpan<byte> elf)
    {
        if (elf.Length < ElfHeaderSize) return false;
        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(elf[32..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(elf[56..]);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = Slice(elf, table + (ulong)(i * ProgramHeaderSize), ProgramHeaderSize);
            if (header.IsEmpty) return false;
            if (BinaryPrimitives.ReadUInt32LittleEndian(header) != PtNote) continue;
            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
            ulong size = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
            if (HasEntry(Slice(elf, offset, size))) return true;
        }

        return false;
    }

    private static bool HasEntry(ReadOnlySpan<byte> notes)
    {
        while (notes.Length >= 12)
        {
            uint nameSize = BinaryPrimitives.ReadUInt32LittleEndian(notes);
            uint contentSize = BinaryPrimitives.ReadUInt32LittleEndian(notes[4..]);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(notes[8..]);
            if (type == Phys32Entry && nameSize == 4 && notes[12..].StartsWith("Xen\0"u8)) return true;
            ulong whole = 12UL + Padded(nameSize) + Padded(contentSize);
            if (whole > (ulong)notes.Length) return false;
            notes = notes[(int)whole..];
        }

        return false;
    }

    private static ulong Padded(uint size) => (size + 3UL) & ~3UL;

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> data, ulong offset, ulong length)
        => offset <= (ulong)data.Length && length <= (ulong)data.Length - offset ? data.Slice((int)offset, (int)length) : [];
}
