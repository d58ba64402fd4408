using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    /// <summary>inotify_init1(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial SafeFileHandle inotify_init1(int flags);

    /// <summary>inotify_add_watch(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int inotify_add_watch(SafeFileHandle fd, byte* pathname, uint mask);
}
