using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>The size of an XFS file system beside that of its disk.</summary>
public static unsafe class XfsSize
{
    // XFS_IOC_FSGEOMETRY_V1 and XFS_IOC_FSGROWFSDATA with their structs, of which the C library's headers know nothing.
    private const uint ReadGeometry = 0x80705864;
    private const uint GrowData = 0x4010586E;
    private const int GeometrySize = 112;
    private const int BlockSize = 0;
    private const int InodePercent = 28;
    private const int DataBlocks = 32;

    // XFS_MIN_AG_BLOCKS: what is left over at the end of a disk and is less than that stays unused.
    private const ulong LeastGroup = 64;

    /// <summary>Makes a mounted file system as large as its disk, if it is smaller.</summary>
    /// <param name="deviceBytes">the disk's size</param>
    /// <param name="mounted">a folder of the file system</param>
    public static void Grow(long deviceBytes, string mounted)
    {
        using SafeFileHandle folder = FileDescriptor.Open(mounted, OpenFlags.ReadOnly | OpenFlags.Directory);
        byte* geometry = stackalloc byte[GeometrySize];
        SystemCall.Check(Libc.ioctl(folder, ReadGeometry, geometry), $"ask for the size of the file system in {mounted}");
        ulong room = (ulong)deviceBytes / *(uint*)(geometry + BlockSize);
        if (room < *(ulong*)(geometry + DataBlocks) + LeastGroup) return;
        // struct xfs_growfs_data
        ulong* growth = stackalloc ulong[2] { room, *(uint*)(geometry + InodePercent) };
        SystemCall.Check(Libc.ioctl(folder, GrowData, growth), $"grow the file system in {mounted}");
    }
}
