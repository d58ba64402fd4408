using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    /// <summary>fstatfs(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fstatfs(SafeFileHandle fd, statfs_t* buf);

    /// <summary>struct statfs of 64-bit architectures</summary>
    [StructLayout(LayoutKind.Sequential, Size = 120)]
    internal struct statfs_t
    {
        internal long f_type;
        internal long f_bsize;
        internal ulong f_blocks;
        internal ulong f_bfree;
        internal ulong f_bavail;
        internal ulong f_files;
        internal ulong f_ffree;
        internal long f_fsid;
        internal long f_namelen;
        internal long f_frsize;
        internal long f_flags;
    }
}
