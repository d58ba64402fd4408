using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.HostFiles;

namespace Runcvm.Images;

/// <summary>What an EROFS superblock says of its image; erofs_fs.h of the kernel.</summary>
internal static class ErofsImage
{
    private const int SuperBlockAt = 1024;
    private const int SuperBlockSize = 128;
    private const uint Magic = 0xE0F5E1E2;

    /// <summary>Why the file is no complete EROFS image, or null when it is one. A file cut short is what a full disk
    /// or a crash of the host leaves, so the size matters as much as the magic.</summary>
    internal static string? FaultOf(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        Span<byte> super = stackalloc byte[SuperBlockSize];
        if (RandomAccess.Read(file, super, SuperBlockAt) < SuperBlockSize) return "it is too short for a superblock";
        if (BinaryPrimitives.ReadUInt32LittleEndian(super) != Magic) return "it has no EROFS superblock";
        int blockSizeBits = super[12];
        long size = (long)BinaryPrimitives.ReadUInt32LittleEndian(super[36..]) << blockSizeBits;
        long length = RandomAccess.GetLength(file);
        return blockSizeBits is < 9 or > 16 || size == 0 || length < size
            ? $"it has {length} bytes where its superblock says {size}"
            : null;
    }

    /// <summary>Names one image: its superblock has a number that mkfs.erofs drew for it.</summary>
    internal static string IdentityOf(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        byte[] super = new byte[SuperBlockSize];
        int n = RandomAccess.Read(file, super, SuperBlockAt);
        return Sha256.Hex(super[..n]);
    }
}
