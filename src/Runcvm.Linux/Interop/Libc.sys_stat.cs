using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    internal const uint STATX_BASIC_STATS = 0x7ff;
    internal const uint STATX_BTIME = 0x800;
    internal const uint STATX_MNT_ID = 0x1000;
    internal const long UTIME_NOW = 0x3fffffff;
    internal const long UTIME_OMIT = 0x3ffffffe;

    /// <summary>mknodat(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int mknodat(SafeFileHandle dirfd, byte* pathname, uint mode, ulong dev);

    /// <summary>mkdirat(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int mkdirat(SafeFileHandle dirfd, byte* pathname, uint mode);

    /// <summary>chmod(2) of a path that need not be UTF-8</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int chmod(byte* pathname, uint mode);

    /// <summary>fchmod(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fchmod(SafeFileHandle fd, uint mode);

    /// <summary>utimensat(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int utimensat(SafeFileHandle dirfd, byte* pathname, timespec* times, int flags);

    /// <summary>mknod(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int mknod(string pathname, uint mode, ulong dev);

    /// <summary>mkdir(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int mkdir(string pathname, uint mode);

    /// <summary>chmod(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int chmod(string pathname, uint mode);

    /// <summary>umask(2)</summary>
    [LibraryImport(Name)]
    internal static partial uint umask(uint mask);

    /// <summary>statx(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statx(int dirfd, string pathname, int flags, uint mask, out statx_t statxbuf);

    /// <summary>statx(2) of a name that need not be UTF-8</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int statx(SafeFileHandle dirfd, byte* pathname, int flags, uint mask, out statx_t statxbuf);

    /// <summary>struct statx_timestamp</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct statx_timestamp
    {
        internal long tv_sec;
        internal uint tv_nsec;
        private readonly int _reserved;
    }

    /// <summary>struct statx: 256 bytes, the same on every architecture</summary>
    [StructLayout(LayoutKind.Sequential, Size = 256)]
    internal struct statx_t
    {
        internal uint stx_mask;
        internal uint stx_blksize;
        internal ulong stx_attributes;
        internal uint stx_nlink;
        internal uint stx_uid;
        internal uint stx_gid;
        internal ushort stx_mode;
        private readonly ushort _spare0;
        internal ulong stx_ino;
        internal ulong stx_size;
        internal ulong stx_blocks;
        internal ulong stx_attributes_mask;
        internal statx_timestamp stx_atime;
        internal statx_timestamp stx_btime;
        internal statx_timestamp stx_ctime;
        internal statx_timestamp stx_mtime;
        internal uint stx_rdev_major;
        internal uint stx_rdev_minor;
        internal uint stx_dev_major;
        internal uint stx_dev_minor;
        internal ulong stx_mnt_id;
    }
}
