using System.Buffers.Binary;

namespace Runcvm.Linux.FileCalls;

/// <summary>A struct linux_dirent64 of getdents64(2).</summary>
public readonly ref struct FolderRecord
{
    private const int NameOffset = 19;

    /// <summary>Reads the record at the beginning of <paramref name="records"/>.</summary>
    public FolderRecord(ReadOnlySpan<byte> records)
    {
        Inode = BinaryPrimitives.ReadUInt64LittleEndian(records);
        Next = BinaryPrimitives.ReadInt64LittleEndian(records[8..]);
        Length = BinaryPrimitives.ReadUInt16LittleEndian(records[16..]);
        Type = records[18];
        ReadOnlySpan<byte> name = records[NameOffset..Length];
        NameAndZero = name[..(name.IndexOf((byte)0) + 1)];
    }

    /// <summary>d_ino</summary>
    public ulong Inode { get; }

    /// <summary>d_off: where the next record begins</summary>
    public long Next { get; }

    /// <summary>d_reclen</summary>
    public int Length { get; }

    /// <summary>d_type</summary>
    public byte Type { get; }

    /// <summary>The name.</summary>
    public ReadOnlySpan<byte> Name => NameAndZero[..^1];

    /// <summary>The name and its final zero.</summary>
    public ReadOnlySpan<byte> NameAndZero { get; }

    /// <summary>"." or ".."</summary>
    public bool IsDot => Name is [(byte)'.'] or [(byte)'.', (byte)'.'];
}
