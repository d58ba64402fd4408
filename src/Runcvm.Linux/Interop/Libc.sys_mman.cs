using System.Runtime.InteropServices;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    internal const int PROT_READ = 1;
    internal const int PROT_WRITE = 2;
    internal const int MAP_PRIVATE = 2;
    internal const int MAP_ANONYMOUS = 0x20;

    /// <summary>mmap(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial void* mmap(void* addr, nuint length, int prot, int flags, int fd, nint offset);

    /// <summary>munmap(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int munmap(void* addr, nuint length);
}
