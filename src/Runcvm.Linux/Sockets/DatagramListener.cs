using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Sockets;

/// <summary>UDP sockets that take datagrams from anybody over IPv4 and, where the namespace has it, IPv6. A socket belongs to
/// the network namespace of the thread that made it, whoever uses it later.</summary>
public static unsafe class DatagramListener
{
    /// <summary>A socket, not blocking, for <see cref="TryBind"/>.</summary>
    public static SafeFileHandle Make() => StreamListener.Make(Libc.SOCK_DGRAM);

    /// <summary>Takes a port. False when somebody else has it.</summary>
    /// <param name="socket">made by <see cref="Make"/></param>
    /// <param name="port">the port</param>
    /// <param name="loopbackOnly">only 127.0.0.1, else every address</param>
    public static bool TryBind(SafeFileHandle socket, ushort port, bool loopbackOnly)
        => StreamListener.TryBind(socket, port, loopbackOnly);

    /// <summary>Receives a datagram: its length, or -1 when there is none.</summary>
    public static int TryReceive(SafeFileHandle socket, Span<byte> buffer, out DatagramPeer from)
    {
        byte* address = stackalloc byte[DatagramPeer.MaxSize];
        uint length = DatagramPeer.MaxSize;
        fixed (byte* p = buffer)
        {
            nint n;
            while ((n = Libc.recvfrom(socket, p, (nuint)buffer.Length, 0, address, &length)) < 0 && SystemCall.LastError == Errno.EINTR)
            {
            }

            from = n < 0 ? default : DatagramPeer.Read(new ReadOnlySpan<byte>(address, (int)Math.Min(length, DatagramPeer.MaxSize)));
            // ECONNREFUSED is about an earlier datagram: nobody was there to take it.
            if (n < 0 && SystemCall.LastError is Errno.EAGAIN or Errno.ECONNREFUSED) return -1;
            return (int)SystemCall.Check(n, $"receive a datagram");
        }
    }

    /// <summary>Sends a datagram, which is lost when it cannot be sent at once: datagrams may be.</summary>
    public static void Send(SafeFileHandle socket, ReadOnlySpan<byte> datagram, DatagramPeer to)
    {
        byte* address = stackalloc byte[DatagramPeer.MaxSize];
        uint length = to.Write(new Span<byte>(address, DatagramPeer.MaxSize));
        fixed (byte* p = datagram)
            _ = Libc.sendto(socket, p, (nuint)datagram.Length, Libc.MSG_NOSIGNAL, address, length);
    }
}

/// <summary>Who sent a datagram.</summary>
/// <param name="Address">16 bytes of IPv6, or the 4 bytes of IPv4 as a number</param>
/// <param name="Port">its port</param>
/// <param name="Scope">the interface of a link-local address</param>
/// <param name="IsIPv6">the socket speaks IPv6, in which IPv4 addresses are ::ffff:0:0/96</param>
public readonly record struct DatagramPeer(UInt128 Address, ushort Port, uint Scope, bool IsIPv6)
{
    // struct sockaddr_in6; sockaddr_in is shorter
    internal const int MaxSize = 28;
    private const int IPv4Size = 16;

    /// <summary>4 bytes of IPv4, also where the socket speaks IPv6, or 16.</summary>
    public byte[] ToBytes()
    {
        const ulong Mapped = 0xFFFF;
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, Address);
        return !IsIPv6 || Address >> 32 == Mapped ? bytes[12..] : bytes;
    }

    internal static DatagramPeer Read(ReadOnlySpan<byte> sockaddr)
    {
        ushort port = BinaryPrimitives.ReadUInt16BigEndian(sockaddr[2..]);
        return BinaryPrimitives.ReadUInt16LittleEndian(sockaddr) == Libc.AF_INET6
            ? new(BinaryPrimitives.ReadUInt128BigEndian(sockaddr[8..]), port, BinaryPrimitives.ReadUInt32LittleEndian(sockaddr[24..]), true)
            : new(BinaryPrimitives.ReadUInt32BigEndian(sockaddr[4..]), port, 0, false);
    }

    internal uint Write(Span<byte> sockaddr)
    {
        sockaddr.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(sockaddr, (ushort)(IsIPv6 ? Libc.AF_INET6 : Libc.AF_INET));
        BinaryPrimitives.WriteUInt16BigEndian(sockaddr[2..], Port);
        if (!IsIPv6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(sockaddr[4..], (uint)Address);
            return IPv4Size;
        }

        BinaryPrimitives.WriteUInt128BigEndian(sockaddr[8..], Address);
        BinaryPrimitives.WriteUInt32LittleEndian(sockaddr[24..], Scope);
        return MaxSize;
    }
}
