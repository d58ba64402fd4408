using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Sockets;

/// <summary>TCP sockets that take connections over IPv4 and, where the namespace has it, IPv6. A socket belongs to the
/// network namespace of the thread that made it, whoever uses it later.</summary>
public static unsafe class StreamListener
{
    // struct sockaddr_in6
    private const uint AddressSize = 28;

    /// <summary>A socket, not blocking, for <see cref="TryBind"/>.</summary>
    public static SafeFileHandle Make()
    {
        SafeFileHandle socket = Make(Libc.SOCK_STREAM);
        int on = 1;
        SystemCall.Check(Libc.setsockopt(socket, Libc.SOL_SOCKET, Libc.SO_REUSEADDR, &on, sizeof(int)), $"make a socket whose port may be used again");
        return socket;
    }

    /// <summary>Takes a port for <see cref="Listen"/>. False when somebody else has it.</summary>
    /// <param name="socket">made by <see cref="Make()"/></param>
    /// <param name="port">the port</param>
    /// <param name="loopbackOnly">only 127.0.0.1, else every address</param>
    /// <exception cref="LinuxException">it cannot be had for another reason</exception>
    public static bool TryBind(SafeFileHandle socket, ushort port, bool loopbackOnly)
    {
        int result = Bind(socket, port, loopbackOnly, ipv6: true);
        // Made where there is no IPv6, or there is IPv6 but no address to bind to.
        if (result < 0 && SystemCall.LastError is Errno.EAFNOSUPPORT or Errno.EADDRNOTAVAIL)
            result = Bind(socket, port, loopbackOnly, ipv6: false);
        if (result < 0 && SystemCall.LastError == Errno.EADDRINUSE) return false;
        SystemCall.Check(result, $"bind to port {port}");
        return true;
    }

    /// <summary>Takes connections from now on.</summary>
    /// <exception cref="LinuxException">somebody bound to the same port was faster</exception>
    public static void Listen(SafeFileHandle socket) => SystemCall.Check(Libc.listen(socket, 128), $"listen");

    /// <summary>shutdown(SHUT_WR): the other side reads the end.</summary>
    public static void EndWriting(SafeFileHandle socket)
    {
        // The connection may be gone already, which whoever reads it finds out.
        _ = Libc.shutdown(socket, Libc.SHUT_WR);
    }

    /// <summary>SO_PRIORITY, from 0 to 6: a number that goes with the socket, and with what comes out of it.</summary>
    public static void SetPriority(SafeFileHandle socket, int priority)
        => SystemCall.Check(
            Libc.setsockopt(socket, Libc.SOL_SOCKET, Libc.SO_PRIORITY, &priority, sizeof(int)),
            $"give a socket a priority");

    /// <summary>Who is at the other end; null where it has gone.</summary>
    public static DatagramPeer? PeerOf(SafeFileHandle connection)
    {
        byte* address = stackalloc byte[DatagramPeer.MaxSize];
        uint length = DatagramPeer.MaxSize;
        return Libc.getpeername(connection, address, &length) < 0 ? null
            : DatagramPeer.Read(new ReadOnlySpan<byte>(address, DatagramPeer.MaxSize));
    }

    /// <summary>Closes a connection with a reset.</summary>
    public static void Refuse(SafeFileHandle connection)
    {
        // struct linger: on, seconds. Where it cannot be had, it is an ordinary end.
        int* now = stackalloc int[2] { 1, 0 };
        _ = Libc.setsockopt(connection, Libc.SOL_SOCKET, Libc.SO_LINGER, now, 2 * sizeof(int));
        connection.Dispose();
    }

    internal static SafeFileHandle Make(int type)
    {
        SafeFileHandle socket = Libc.socket(Libc.AF_INET6, type | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0);
        if (socket.IsInvalid) socket = Libc.socket(Libc.AF_INET, type | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0);
        SystemCall.Check(socket.IsInvalid ? -1 : 0, $"make a socket");
        return socket;
    }

    private static int Bind(SafeFileHandle socket, ushort port, bool loopbackOnly, bool ipv6)
    {
        byte* address = stackalloc byte[(int)AddressSize];
        var bytes = new Span<byte>(address, (int)AddressSize);
        bytes.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)(ipv6 ? Libc.AF_INET6 : Libc.AF_INET));
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], port);
        ReadOnlySpan<byte> loopback = [127, 0, 0, 1];
        // sin6_addr at 8, where ::ffff:127.0.0.1 stands for 127.0.0.1; sin_addr at 4.
        if (loopbackOnly) loopback.CopyTo(bytes[(ipv6 ? 20 : 4)..]);
        if (loopbackOnly && ipv6) bytes.Slice(18, 2).Fill(0xFF);
        return Libc.bind(socket, address, ipv6 ? AddressSize : 16);
    }
}
