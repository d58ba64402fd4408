using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    internal const int AT_FDCWD = -100;
    internal const int AT_EMPTY_PATH = 0x1000;
    internal const int AT_SYMLINK_NOFOLLOW = 0x100;
    internal const int AT_REMOVEDIR = 0x200;
    internal const int F_DUPFD_CLOEXEC = 1030;
    internal const int F_SETFD = 2;
    internal const int F_GETFL = 3;
    internal const int F_SETFL = 4;
    internal const int F_SETLEASE = 1024;
    internal const int F_OFD_GETLK = 36;
    internal const int F_OFD_SETLK = 37;
    internal const int AT_SYMLINK_FOLLOW = 0x400;
    internal const int RWF_APPEND = 0x10;

    /// <summary>open(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial SafeFileHandle open(string pathname, int flags, uint mode);

    /// <summary>open(2) of a path that need not be UTF-8</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int open(byte* pathname, int flags, uint mode);

    /// <summary>openat(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial SafeFileHandle openat(SafeFileHandle dirfd, string pathname, int flags, uint mode);

    /// <summary>openat(2) of a name that need not be UTF-8</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial SafeFileHandle openat(SafeFileHandle dirfd, byte* pathname, int flags, uint mode);

    /// <summary>fcntl(2) with an integer argument</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fcntl(SafeFileHandle fd, int cmd, nint arg);

    /// <summary>fcntl(2) with an integer argument, on a bare number</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fcntl(int fd, int cmd, nint arg);

    /// <summary>fcntl(2) with a lock</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fcntl(SafeFileHandle fd, int cmd, flock_t* arg);

    /// <summary>fallocate(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fallocate(SafeFileHandle fd, int mode, long offset, long len);

    /// <summary>struct open_how of openat2(2)</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct open_how
    {
        internal ulong flags;
        internal ulong mode;
        internal ulong resolve;
    }

    /// <summary>struct flock</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct flock_t
    {
        internal short l_type;
        internal short l_whence;
        internal long l_start;
        internal long l_len;
        internal int l_pid;
    }
}
