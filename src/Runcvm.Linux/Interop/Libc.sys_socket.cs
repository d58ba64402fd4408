using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    internal const int AF_UNIX = 1;
    internal const int AF_INET = 2;
    internal const int AF_INET6 = 10;
    internal const int AF_NETLINK = 16;
    internal const int AF_VSOCK = 40;
    internal const int SOCK_STREAM = 1;
    internal const int SOCK_DGRAM = 2;
    internal const int SOCK_RAW = 3;
    internal const int IPPROTO_UDP = 17;
    internal const int SOCK_CLOEXEC = 0x80000;
    internal const int SOCK_NONBLOCK = 0x800;
    internal const int SOL_SOCKET = 1;
    internal const int SCM_RIGHTS = 1;
    internal const int SO_PEERCRED = 17;
    internal const int MSG_CMSG_CLOEXEC = 0x40000000;
    internal const int MSG_PEEK = 0x2;
    internal const int MSG_DONTWAIT = 0x40;
    internal const int MSG_NOSIGNAL = 0x4000;

    /// <summary>socket(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial SafeFileHandle socket(int domain, int type, int protocol);

    /// <summary>socketpair(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int socketpair(int domain, int type, int protocol, int* sv);

    /// <summary>bind(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int bind(SafeFileHandle sockfd, byte* addr, uint addrlen);

    /// <summary>listen(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int listen(SafeFileHandle sockfd, int backlog);

    /// <summary>accept4(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial SafeFileHandle accept4(SafeFileHandle sockfd, byte* addr, uint* addrlen, int flags);

    /// <summary>connect(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int connect(SafeFileHandle sockfd, byte* addr, uint addrlen);

    /// <summary>getsockopt(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int getsockopt(SafeFileHandle sockfd, int level, int optname, void* optval, uint* optlen);

    /// <summary>sendmsg(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint sendmsg(SafeFileHandle sockfd, msghdr* msg, int flags);

    /// <summary>recvmsg(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint recvmsg(SafeFileHandle sockfd, msghdr* msg, int flags);

    /// <summary>struct iovec</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct iovec
    {
        internal byte* iov_base;
        internal nuint iov_len;
    }

    /// <summary>struct msghdr</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct msghdr
    {
        internal void* msg_name;
        internal uint msg_namelen;
        internal iovec* msg_iov;
        internal nuint msg_iovlen;
        internal byte* msg_control;
        internal nuint msg_controllen;
        internal int msg_flags;
    }
}
