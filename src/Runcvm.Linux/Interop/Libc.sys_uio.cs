using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    /// <summary>pwritev2(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint pwritev2(SafeFileHandle fd, iovec* iov, int iovcnt, long offset, int flags);
}
