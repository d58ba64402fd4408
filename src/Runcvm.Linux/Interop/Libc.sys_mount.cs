using System.Runtime.InteropServices;

namespace Runcvm.Linux.Interop;

internal static partial class Libc
{
    internal const int MNT_DETACH = 2;
    internal const int UMOUNT_NOFOLLOW = 8;
    internal const int OPEN_TREE_CLONE = 1;
    internal const int OPEN_TREE_CLOEXEC = 0x80000;
    internal const int AT_RECURSIVE = 0x8000;
    internal const ulong MOUNT_ATTR_RDONLY = 1;
    internal const ulong MOUNT_ATTR_NOSUID = 2;
    internal const ulong MOUNT_ATTR_NODEV = 4;
    internal const ulong MOUNT_ATTR_NOEXEC = 8;
    internal const ulong MS_PRIVATE = 1 << 18;

    /// <summary>mount(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int mount(string? source, string target, string? filesystemtype, ulong mountflags, string? data);

    /// <summary>struct mount_attr</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct mount_attr
    {
        internal ulong attr_set;
        internal ulong attr_clr;
        internal ulong propagation;
        internal ulong userns_fd;
    }

    /// <summary>umount2(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int umount2(string target, int flags);
}
