using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Sockets;

/// <summary>vsock(7): byte streams between a virtual machine and its host.</summary>
public static unsafe class VirtualSocket
{
    // struct sockaddr_vm: family, reserved, port, cid, flags
    private const uint AddressSize = 16;

    // linux/vm_sockets.h
    private const int BufferSize = 0;
    private const int BufferMaxSize = 2;

    /// <summary>A connected socket, blocking.</summary>
    /// <param name="context">context id of the other side</param>
    /// <param name="port">its port</param>
    /// <param name="window">bytes that may come before anything of them is read</param>
    public static SafeFileHandle Connect(uint context, uint port, ulong window)
    {
        SafeFileHandle socket = Libc.socket(Libc.AF_VSOCK, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0);
        SystemCall.Check(socket.IsInvalid ? -1 : 0, $"make a vsock socket");
        uint* address = stackalloc uint[4] { Libc.AF_VSOCK, port, context, 0 };
        try
        {
            foreach (int option in (ReadOnlySpan<int>)[BufferMaxSize, BufferSize])
                SystemCall.Check(Libc.setsockopt(socket, Libc.AF_VSOCK, option, (int*)&window, sizeof(ulong)), $"set the window of a vsock socket");
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
