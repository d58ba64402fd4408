using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Runcvm.Linux.Interop;

internal static partial class Libc
{
    internal const int CLONE_FS = 0x00000200;

    /// <summary>unshare(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int unshare(int flags);

    /// <summary>setns(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int setns(SafeFileHandle fd, int nstype);
}
