using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Netlink;

/// <summary>The kernel's announcements of changes to a network namespace's interfaces, addresses and routes, see
/// rtnetlink(7). What has changed is not told: whoever wants to know asks <see cref="RouteNetlink"/>.</summary>
public static unsafe class RouteEvents
{
    // RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE
    private const uint Groups = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

    /// <summary>A socket, not blocking, of the calling thread's namespace: it becomes readable with the next change, none of
    /// those after this call being missed.</summary>
    public static SafeFileHandle Open()
    {
        SafeFileHandle socket = Libc.socket(Libc.AF_NETLINK, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, Libc.NETLINK_ROUTE);
        SystemCall.Check(socket.IsInvalid ? -1 : 0, $"make a socket for network events");
        // struct sockaddr_nl: family, padding, port (0: the kernel chooses), groups
        uint* address = stackalloc uint[3] { Libc.AF_NETLINK, 0, Groups };
        SystemCall.Check(Libc.bind(socket, (byte*)address, 12), $"listen for network events");
        return socket;
    }

    /// <summary>Forgets the announcements that are there.</summary>
    public static void Drain(SafeFileHandle socket)
    {
        Span<byte> ignored = stackalloc byte[8192];
        while (true)
        {
            try
            {
                if (FileDescriptor.TryRead(socket, ignored) < 0) return;
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOBUFS)
            {
                // There were more than the socket has room for, which is a change as well.
            }
        }
    }
}
