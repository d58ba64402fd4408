using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Sockets;

/// <summary>vsock(7): byte streams between a virtual machine and its host.</summary>
public static unsafe class VirtualSocket
{
    // struct sockaddr_vm: family, reserved, port, cid, flags
    private const uint AddressSize = 16;

    /// <summary>A connected socket, blocking.</summary>
    /// <param name="context">context id of the other side</param>
    /// <param name="port">its port</param>
    public static SafeFileHandle Connect(uint context, uint port)
    {
        SafeFileHandle socket = Libc.socket(Libc.AF_VSOCK, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0);
        SystemCall.Check(socket.IsInvalid ? -1 : 0, $"make a vsock socket");
        uint* address = stackalloc uint[4] { Libc.AF_VSOCK, port, context, 0 };
        try
        {
            SystemCall.Check(Libc.connect(socket, (byte*)address, AddressSize), $"connect to vsock {context}:{port}");
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
