using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Sockets;

/// <summary>udp(7) and tcp(7) over IPv4, not blocking. The framework's own sockets would add 0.7 MB to the guest.</summary>
public static unsafe class InternetSocket
{
    // struct sockaddr_in
    private const uint AddressSize = 16;

    /// <summary>A UDP socket that receives what is sent to the address.</summary>
    public static SafeFileHandle BindDatagram(IPv4End end)
    {
        SafeFileHandle socket = Make(Libc.SOCK_DGRAM);
        Bind(socket, end);
        return socket;
    }

    /// <summary>SO_RCVBUFFORCE: how many bytes of datagrams may wait, more than the limit for everyone (net.core.rmem_max).
    /// Takes CAP_NET_ADMIN.</summary>
    public static void SetReceiveBuffer(SafeFileHandle socket, int bytes)
        => SystemCall.Check(Libc.setsockopt(socket, Libc.SOL_SOCKET, Libc.SO_RCVBUFFORCE, &bytes, sizeof(int)), $"make room for datagrams");

    /// <summary>A UDP socket that talks to this address only.</summary>
    public static SafeFileHandle ConnectDatagram(IPv4End end) => Connect(Libc.SOCK_DGRAM, end);

    /// <summary>A UDP socket that talks to this port of ::1 only.</summary>
    public static SafeFileHandle ConnectLoopbackDatagram6(ushort port) => ConnectLoopback6(Libc.SOCK_DGRAM, port);

    /// <summary>A TCP socket whose connection to this port of ::1 is being made.</summary>
    public static SafeFileHandle ConnectLoopbackStream6(ushort port) => ConnectLoopback6(Libc.SOCK_STREAM, port);

    /// <summary>A TCP socket whose connection is being made: it can be written to when it is there.</summary>
    public static SafeFileHandle ConnectStream(IPv4End end) => Connect(Libc.SOCK_STREAM, end);

    /// <summary>A TCP socket that takes connections, see <see cref="UnixSocket.TryAccept"/>.</summary>
    public static SafeFileHandle ListenStream(IPv4End end)
    {
        SafeFileHandle socket = Make(Libc.SOCK_STREAM);
        int on = 1;
        SystemCall.Check(Libc.setsockopt(socket, Libc.SOL_SOCKET, Libc.SO_REUSEADDR, &on, sizeof(int)), $"share {end}");
        Bind(socket, end);
        SystemCall.Check(Libc.listen(socket, 128), $"listen on {end}");
        return socket;
    }

    /// <summary>Receives a datagram: its length, or -1 when there is none.</summary>
    public static int TryReceiveFrom(SafeFileHandle socket, Span<byte> buffer, out IPv4End from)
    {
        byte* address = stackalloc byte[(int)AddressSize];
        uint length = AddressSize;
        fixed (byte* p = buffer)
        {
            nint n;
            while ((n = Libc.recvfrom(socket, p, (nuint)buffer.Length, 0, address, &length)) < 0 && SystemCall.LastError == Errno.EINTR)
            {
            }

            from = IPv4End.Read(new ReadOnlySpan<byte>(address, (int)AddressSize));
            if (n < 0 && SystemCall.LastError == Errno.EAGAIN) return -1;
            return (int)SystemCall.Check(n, $"receive a datagram");
        }
    }

    /// <summary>Sends a datagram, which is lost when it cannot be sent at once: datagrams may be.</summary>
    public static void SendTo(SafeFileHandle socket, ReadOnlySpan<byte> datagram, IPv4End to)
    {
        byte* address = stackalloc byte[(int)AddressSize];
        to.Write(new Span<byte>(address, (int)AddressSize));
        fixed (byte* p = datagram)
            _ = Libc.sendto(socket, p, (nuint)datagram.Length, Libc.MSG_NOSIGNAL, address, AddressSize);
    }

    /// <summary>A raw socket for <see cref="SendFrom"/>. Takes CAP_NET_RAW.</summary>
    /// <param name="address">the sender's</param>
    public static SafeFileHandle MakeSender(uint address)
    {
        SafeFileHandle socket = Make(Libc.SOCK_RAW, Libc.IPPROTO_UDP);
        Bind(socket, new IPv4End(address, 0));
        // It is given a copy of every datagram to the address as well, and nobody reads them.
        int least = 0;
        SystemCall.Check(Libc.setsockopt(socket, Libc.SOL_SOCKET, Libc.SO_RCVBUF, &least, sizeof(int)), $"take no datagrams");
        return socket;
    }

    /// <summary>Sends a datagram from any port, also one that is somebody else's; it is lost when it cannot be sent at once.</summary>
    /// <param name="sender">made by <see cref="MakeSender"/></param>
    /// <param name="port">the sender's</param>
    /// <param name="datagram">at most 65 507 bytes</param>
    /// <param name="to">whom it is for</param>
    public static void SendFrom(SafeFileHandle sender, ushort port, ReadOnlySpan<byte> datagram, IPv4End to)
    {
        // RFC 768: both ports, the length with this header, and a checksum, 0 for none.
        const int HeaderSize = 8;
        byte[] packet = new byte[HeaderSize + datagram.Length];
        BinaryPrimitives.WriteUInt16BigEndian(packet, port);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), to.Port);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)packet.Length);
        datagram.CopyTo(packet.AsSpan(HeaderSize));
        SendTo(sender, packet, to with { Port = 0 });
    }

    private static SafeFileHandle Make(int type, int protocol = 0)
    {
        SafeFileHandle socket = Libc.socket(Libc.AF_INET, type | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, protocol);
        SystemCall.Check(socket.IsInvalid ? -1 : 0, $"make a socket");
        return socket;
    }

    private static void Bind(SafeFileHandle socket, IPv4End end)
    {
        byte* address = stackalloc byte[(int)AddressSize];
        end.Write(new Span<byte>(address, (int)AddressSize));
        SystemCall.Check(Libc.bind(socket, address, AddressSize), $"bind to {end}");
    }

    private static SafeFileHandle ConnectLoopback6(int type, ushort port)
    {
        SafeFileHandle socket = Libc.socket(Libc.AF_INET6, type | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0);
        SystemCall.Check(socket.IsInvalid ? -1 : 0, $"make a socket");
        byte* address = stackalloc byte[DatagramPeer.MaxSize];
        uint length = new DatagramPeer(1, port, 0, true).Write(new Span<byte>(address, DatagramPeer.MaxSize));
        int result = Libc.connect(socket, address, length);
        if (result < 0 && (int)SystemCall.LastError == Libc.EINPROGRESS) return socket;
        SystemCall.Check(result, $"connect to [::1]:{port}");
        return socket;
    }

    private static SafeFileHandle Connect(int type, IPv4End end)
    {
        SafeFileHandle socket = Make(type);
        byte* address = stackalloc byte[(int)AddressSize];
        end.Write(new Span<byte>(address, (int)AddressSize));
        int result = Libc.connect(socket, address, AddressSize);
        if (result < 0 && (int)SystemCall.LastError == Libc.EINPROGRESS) return socket;
        SystemCall.Check(result, $"connect to {end}");
        return socket;
    }
}

/// <summary>An IPv4 address and a port.</summary>
/// <param name="Address">the address as a number, 127.0.0.1 being 0x7F000001</param>
/// <param name="Port">the port</param>
public readonly record struct IPv4End(uint Address, ushort Port)
{
    /// <summary>As people write it: 127.0.0.11:53</summary>
    public override string ToString()
        => $"{Address >> 24}.{(Address >> 16) & 255}.{(Address >> 8) & 255}.{Address & 255}:{Port}";

    internal static IPv4End Read(ReadOnlySpan<byte> sockaddr)
        => new(BinaryPrimitives.ReadUInt32BigEndian(sockaddr[4..]), BinaryPrimitives.ReadUInt16BigEndian(sockaddr[2..]));

    internal void Write(Span<byte> sockaddr)
    {
        sockaddr.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(sockaddr, Libc.AF_INET);
        BinaryPrimitives.WriteUInt16BigEndian(sockaddr[2..], Port);
        BinaryPrimitives.WriteUInt32BigEndian(sockaddr[4..], Address);
    }
}
