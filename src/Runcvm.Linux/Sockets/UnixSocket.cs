using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Sockets;

/// <summary>unix(7) stream sockets, with files passed along.</summary>
public static unsafe class UnixSocket
{
    private const int PathOffset = 2;
    private const int PathMax = 107;
    private const int StreamFlags = Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC;

    /// <summary>socketpair(2)</summary>
    public static (SafeFileHandle Ours, SafeFileHandle Theirs) Pair()
    {
        int* fds = stackalloc int[2];
        SystemCall.Check(Libc.socketpair(Libc.AF_UNIX, StreamFlags, 0, fds), $"make a pair of sockets");
        return (new SafeFileHandle(fds[0], true), new SafeFileHandle(fds[1], true));
    }

    /// <summary>A listening socket, not blocking.</summary>
    public static SafeFileHandle Listen(string path)
    {
        SafeFileHandle socket = Make(Libc.SOCK_NONBLOCK);
        byte* address = stackalloc byte[PathOffset + PathMax + 1];
        uint length = Address(path, address);
        SystemCall.Check(Libc.bind(socket, address, length), $"bind socket {path}");
        SystemCall.Check(Libc.listen(socket, 128), $"listen on {path}");
        return socket;
    }

    /// <summary>A connected socket.</summary>
    /// <param name="path">where somebody listens</param>
    /// <param name="blocking">wait while too many others wait there; else that is EAGAIN, and so it is while the socket is full</param>
    public static SafeFileHandle Connect(string path, bool blocking = true)
    {
        SafeFileHandle socket = Make(blocking ? 0 : Libc.SOCK_NONBLOCK);
        byte* address = stackalloc byte[PathOffset + PathMax + 1];
        uint length = Address(path, address);
        SystemCall.Check(Libc.connect(socket, address, length), $"connect to {path}");
        return socket;
    }

    /// <summary>A connected socket, not blocking, or null while the listener's queue is full.</summary>
    public static SafeFileHandle? TryConnect(string path)
    {
        SafeFileHandle socket = Make(Libc.SOCK_NONBLOCK);
        byte* address = stackalloc byte[PathOffset + PathMax + 1];
        uint length = Address(path, address);
        int result = Libc.connect(socket, address, length);
        if (result >= 0) return socket;
        Errno errno = SystemCall.LastError;
        socket.Dispose();
        return errno == Errno.EAGAIN ? null : throw new LinuxException(errno, $"connect to {path}");
    }

    /// <summary>The next waiting connection, not blocking itself, or null if there is none.</summary>
    /// <exception cref="LinuxException">it cannot be taken, as a rule for want of descriptors; it waits on</exception>
    public static SafeFileHandle? TryAccept(SafeFileHandle listener)
    {
        while (true)
        {
            SafeFileHandle connection = Libc.accept4(listener, null, null, Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK);
            if (!connection.IsInvalid) return connection;
            Errno errno = SystemCall.LastError;
            if (errno == Errno.EAGAIN) return null;
            if (errno is not (Errno.EINTR or (Errno)103)) throw new LinuxException(errno, "accept a connection");
        }
    }

    /// <summary>Who connected (SO_PEERCRED), or made the pair.</summary>
    /// <returns>the process as this one's PID namespace has it, 0 where it is in none of its; and its user</returns>
    public static (int Process, uint User) PeerOf(SafeFileHandle socket)
    {
        // struct ucred: pid, uid, gid
        int* peer = stackalloc int[3];
        uint length = 3 * sizeof(int);
        SystemCall.Check(
            Libc.getsockopt(socket, Libc.SOL_SOCKET, Libc.SO_PEERCRED, peer, &length), $"ask who connected");
        return (peer[0], (uint)peer[1]);
    }

    /// <summary>Sends bytes (at least one) and open files in one message.</summary>
    public static void SendWithFiles(SafeFileHandle socket, ReadOnlySpan<byte> bytes, ReadOnlySpan<SafeFileHandle> files)
    {
        int dataLength = 16 + (files.Length * 4);
        byte* control = stackalloc byte[Align(dataLength)];
        *(nuint*)control = (nuint)dataLength;
        *(int*)(control + 8) = Libc.SOL_SOCKET;
        *(int*)(control + 12) = Libc.SCM_RIGHTS;
        for (int i = 0; i < files.Length; i++) *(int*)(control + 16 + (i * 4)) = (int)files[i].DangerousGetHandle();
        fixed (byte* p = bytes)
        {
            var vector = new Libc.iovec { iov_base = p, iov_len = (nuint)bytes.Length };
            var message = new Libc.msghdr
            {
                msg_iov = &vector,
                msg_iovlen = 1,
                msg_control = control,
                msg_controllen = (nuint)Align(dataLength),
            };
            nint sent = SystemCall.Check(Libc.sendmsg(socket, &message, Libc.MSG_NOSIGNAL), $"send files over a socket");
            if (sent != bytes.Length) throw new LinuxException(Errno.EAGAIN, "send files over a socket");
        }
    }

    /// <summary>Receives bytes and the files that came with them (at most 8). Returns 0 at the end, -1 when it would block.</summary>
    public static int TryReceiveWithFiles(SafeFileHandle socket, Span<byte> buffer, List<SafeFileHandle> files)
    {
        const int ControlSize = 64;
        byte* control = stackalloc byte[ControlSize];
        fixed (byte* p = buffer)
        {
            var vector = new Libc.iovec { iov_base = p, iov_len = (nuint)buffer.Length };
            var message = new Libc.msghdr { msg_iov = &vector, msg_iovlen = 1, msg_control = control, msg_controllen = ControlSize };
            nint n = Libc.recvmsg(socket, &message, Libc.MSG_CMSG_CLOEXEC);
            if (n < 0 && SystemCall.LastError == Errno.EAGAIN) return -1;
            SystemCall.Check(n, $"receive from a socket");
            if (message.msg_controllen >= 16 && *(int*)(control + 12) == Libc.SCM_RIGHTS)
            {
                int count = (int)(*(nuint*)control - 16) / 4;
                for (int i = 0; i < count; i++) files.Add(new SafeFileHandle(*(int*)(control + 16 + (i * 4)), true));
            }

            return (int)n;
        }
    }

    /// <summary>Whether there is something to read, which stays there. Not blocking; the end is nothing.</summary>
    public static bool HasBytes(SafeFileHandle socket)
    {
        byte first;
        var vector = new Libc.iovec { iov_base = &first, iov_len = 1 };
        var message = new Libc.msghdr { msg_iov = &vector, msg_iovlen = 1 };
        return Libc.recvmsg(socket, &message, Libc.MSG_PEEK | Libc.MSG_DONTWAIT) > 0;
    }

    /// <summary>Sends one datagram to the socket at a path, if somebody takes it at once.</summary>
    public static bool TrySendDatagram(string path, ReadOnlySpan<byte> bytes)
    {
        using SafeFileHandle socket = Libc.socket(Libc.AF_UNIX, Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0);
        SystemCall.Check(socket.IsInvalid ? -1 : 0, $"make a socket");
        byte* address = stackalloc byte[PathOffset + PathMax + 1];
        uint length = Address(path, address);
        fixed (byte* p = bytes) return Libc.sendto(socket, p, (nuint)bytes.Length, Libc.MSG_NOSIGNAL, address, length) == bytes.Length;
    }

    private static SafeFileHandle Make(int flags)
    {
        SafeFileHandle socket = Libc.socket(Libc.AF_UNIX, StreamFlags | flags, 0);
        SystemCall.Check(socket.IsInvalid ? -1 : 0, $"make a socket");
        return socket;
    }

    private static uint Address(string path, byte* address)
    {
        int length = Encoding.UTF8.GetByteCount(path);
        if (length > PathMax) throw new LinuxException(Errno.ENAMETOOLONG, $"use socket path {path}");
        *(ushort*)address = Libc.AF_UNIX;
        Encoding.UTF8.GetBytes(path, new Span<byte>(address + PathOffset, PathMax));
        address[PathOffset + length] = 0;
        return (uint)(PathOffset + length + 1);
    }

    private static int Align(int length) => (length + 7) & ~7;
}
