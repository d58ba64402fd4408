using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Netlink;

/// <summary>A netlink(7) socket of the route family, in the network namespace of the thread that opened it. Requests are
/// made one after the other, and the kernel has answered when sending returns: nothing here can wait for long.</summary>
internal sealed unsafe class NetlinkSocket : IDisposable
{
    internal delegate void MessageReader(ushort type, ReadOnlySpan<byte> payload);

    // The kernel fills dumps into buffers of at most 32 KiB (netlink_dump), whatever more is offered.
    private const int BufferSize = 32 * 1024;

    // A dump is repeated when the tables changed under it; a namespace as busy as this is not one of ours.
    private const int DumpAttempts = 16;

    private readonly SafeFileHandle _socket;
    private readonly byte[] _buffer = new byte[BufferSize];
    private uint _sequence;

    internal NetlinkSocket()
    {
        _socket = Libc.socket(Libc.AF_NETLINK, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, Libc.NETLINK_ROUTE);
        SystemCall.Check(_socket.IsInvalid ? -1 : 0, $"open a netlink socket");
        // Without these (kernels before 4.12) errors are numbers only, so their failure is no reason to stop.
        Enable(Libc.NETLINK_CAP_ACK);
        Enable(Libc.NETLINK_EXT_ACK);
    }

    /// <summary>Makes a change and waits for the kernel's word on it.</summary>
    /// <param name="request">made with NLM_F_ACK</param>
    /// <param name="what">what is being tried, as the beginning of a sentence</param>
    internal void Request(NetlinkWriter request, string what)
    {
        Send(request, what);
        while (!Receive(what, null, out _)) { }
    }

    /// <summary>Reads a whole table.</summary>
    /// <param name="makeRequest">made with NLM_F_DUMP</param>
    /// <param name="what">what is being tried, as the beginning of a sentence</param>
    /// <param name="begin">is called before each attempt; forgets what an earlier one gave</param>
    /// <param name="read">is called for each entry</param>
    internal void Dump(Func<NetlinkWriter> makeRequest, string what, Action begin, MessageReader read)
    {
        for (int attempt = 0; attempt < DumpAttempts; attempt++)
        {
            begin();
            Send(makeRequest(), what);
            bool interrupted = false;
            while (!Receive(what, read, out bool inconsistent)) interrupted |= inconsistent;
            if (!interrupted) return;
        }

        throw new LinuxException(Errno.EAGAIN, what);
    }

    public void Dispose() => _socket.Dispose();

    private void Enable(int option)
    {
        int on = 1;
        _ = Libc.setsockopt(_socket, Libc.SOL_NETLINK, option, &on, sizeof(int));
    }

    private void Send(NetlinkWriter request, string what)
    {
        ReadOnlySpan<byte> message = request.Finish(++_sequence);
        if (FileDescriptor.TryWrite(_socket, message) != message.Length) throw new LinuxException(Errno.EAGAIN, what);
    }

    /// <summary>Reads one datagram of answers; true when it held the last one.</summary>
    private bool Receive(string what, MessageReader? read, out bool inconsistent)
    {
        ReadOnlySpan<byte> rest = _buffer.AsSpan(0, ReceiveDatagram(what));
        inconsistent = false;
        while (rest.Length >= NetlinkWriter.HeaderSize)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(rest);
            ushort type = BinaryPrimitives.ReadUInt16LittleEndian(rest[4..]);
            ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(rest[6..]);
            uint sequence = BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]);
            if (length < NetlinkWriter.HeaderSize || length > rest.Length) throw new LinuxException(Errno.EINVAL, what);
            ReadOnlySpan<byte> payload = rest[NetlinkWriter.HeaderSize..length];
            rest = rest[Math.Min(NetlinkReader.Align(length), rest.Length)..];

            // What is left of an earlier request that failed half-way is nobody's answer now.
            if (sequence != _sequence || type == Libc.NLMSG_NOOP) continue;
            inconsistent |= (flags & Libc.NLM_F_DUMP_INTR) != 0;
            if (type is Libc.NLMSG_ERROR or Libc.NLMSG_DONE)
            {
                ThrowIfFailed(type, flags, payload, what);
                return true;
            }

            read?.Invoke(type, payload);
        }

        return false;
    }

    private int ReceiveDatagram(string what)
    {
        fixed (byte* p = _buffer)
        {
            var vector = new Libc.iovec { iov_base = p, iov_len = BufferSize };
            var message = new Libc.msghdr { msg_iov = &vector, msg_iovlen = 1 };
            nint n;
            while ((n = Libc.recvmsg(_socket, &message, 0)) < 0)
            {
                Errno errno = SystemCall.LastError;
                if (errno != Errno.EINTR) throw new LinuxException(errno, what);
            }

            if ((message.msg_flags & Libc.MSG_TRUNC) != 0) throw new LinuxException(Errno.ENOSPC, what);
            return (int)n;
        }
    }

    private static void ThrowIfFailed(ushort type, ushort flags, ReadOnlySpan<byte> payload, string what)
    {
        int error = payload.Length < 4 ? 0 : BinaryPrimitives.ReadInt32LittleEndian(payload);
        if (error >= 0) return;
        string? words = (flags & Libc.NLM_F_ACK_TLVS) != 0 ? ReadWords(type, flags, payload) : null;
        throw words == null ? new LinuxException((Errno)(-error), what) : new LinuxException((Errno)(-error), what, words);
    }

    /// <summary>struct nlmsgerr: the error, the refused request (its header only if capped), then attributes.</summary>
    private static string? ReadWords(ushort type, ushort flags, ReadOnlySpan<byte> payload)
    {
        int skip = 4;
        if (type == Libc.NLMSG_ERROR)
        {
            if (payload.Length < 4 + NetlinkWriter.HeaderSize) return null;
            int echoed = BinaryPrimitives.ReadInt32LittleEndian(payload[4..]);
            skip += (flags & Libc.NLM_F_CAPPED) != 0 ? NetlinkWriter.HeaderSize : NetlinkReader.Align(echoed);
        }

        if (skip < 0 || skip > payload.Length) return null;
        var attributes = new NetlinkReader(payload[skip..]);
        while (attributes.Next())
        {
            if (attributes.Type == Libc.NLMSGERR_ATTR_MSG) return attributes.Text.TrimEnd('.');
        }

        return null;
    }
}
