using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    internal const int SO_REUSEADDR = 2;
    internal const int SO_RCVBUF = 8;
    internal const int SO_PRIORITY = 12;
    internal const int SO_LINGER = 13;
    internal const int SO_RCVBUFFORCE = 33;
    internal const int EINPROGRESS = 115;
    internal const int SHUT_WR = 1;

    /// <summary>shutdown(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int shutdown(SafeFileHandle sockfd, int how);

    /// <summary>getpeername(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int getpeername(SafeFileHandle sockfd, byte* addr, uint* addrlen);

    /// <summary>sendto(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint sendto(SafeFileHandle sockfd, byte* buf, nuint len, int flags, byte* dest_addr, uint addrlen);

    /// <summary>recvfrom(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint recvfrom(SafeFileHandle sockfd, byte* buf, nuint len, int flags, byte* src_addr, uint* addrlen);
}
