using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Sockets;

/// <summary>The kernel's announcements of devices that come and go; netlink(7), NETLINK_KOBJECT_UEVENT.</summary>
public sealed unsafe class UeventSocket : IDisposable
{
    private const int NetlinkKobjectUevent = 15;

    private readonly SafeFileHandle _socket;

    /// <summary>Starts to listen: nothing that happens after this is missed.</summary>
    public UeventSocket()
    {
        _socket = Libc.socket(Libc.AF_NETLINK, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, NetlinkKobjectUevent);
        SystemCall.Check(_socket.IsInvalid ? -1 : 0, $"make a socket for device events");
        // struct sockaddr_nl: family, padding, port (0: the kernel chooses), groups (1: events of the kernel)
        uint* address = stackalloc uint[3] { Libc.AF_NETLINK, 0, 1 };
        SystemCall.Check(Libc.bind(_socket, (byte*)address, 12), $"listen for device events");
    }

    /// <summary>Blocks until something happened to some device.</summary>
    public void Wait()
    {
        Span<byte> ignored = stackalloc byte[2048];
        FileDescriptor.TryRead(_socket, ignored);
    }

    /// <summary>Stops listening.</summary>
    public void Dispose() => _socket.Dispose();
}
