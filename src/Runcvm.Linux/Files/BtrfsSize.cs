using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>The size of a Btrfs file system beside that of its disk.</summary>
public static unsafe class BtrfsSize
{
    // BTRFS_IOC_RESIZE with struct btrfs_ioctl_vol_args: a file descriptor that is not used, and a name.
    private const uint Resize = 0x50009403;
    private const int ArgumentsSize = 4096;
    private const int Name = 8;

    // The kernel refuses smaller sizes, even where nothing would change.
    private const long Least = 256 * 1024 * 1024;

    /// <summary>Makes a mounted file system on one disk as large as that.</summary>
    /// <param name="deviceBytes">the disk's size</param>
    /// <param name="mounted">a folder of the file system</param>
    public static void Grow(long deviceBytes, string mounted)
    {
        if (deviceBytes < Least) return;
        using SafeFileHandle folder = FileDescriptor.Open(mounted, OpenFlags.ReadOnly | OpenFlags.Directory);
        byte[] arguments = new byte[ArgumentsSize];
        "max"u8.CopyTo(arguments.AsSpan(Name));
        fixed (byte* p = arguments)
            SystemCall.Check(Libc.ioctl(folder, Resize, p), $"grow the file system in {mounted}");
    }
}
