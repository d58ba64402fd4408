using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Shares;

namespace Runcvm.Guest.Shares;

/// <summary>Threads that wait for a lock of a shared file. A signal is to end that, but the kernel's virtio-fs driver has no way
/// to tell the host (it sends no FUSE_INTERRUPT), and the thread cannot even be killed. So the host says who waits, and is
/// told when a signal has come.</summary>
internal sealed class LockWatch
{
    // enum fuse_opcode: FUSE_INTERRUPT; struct fuse_in_header and struct fuse_interrupt_in.
    private const int Interrupt = 36;
    private const int HeaderSize = 40;

    /// <summary>Milliseconds between two looks, while somebody waits: nothing tells of another thread's signals.</summary>
    private const int Period = 20;

    private readonly object _lock = new();
    private readonly Dictionary<ulong, uint> _waiting = [];
    private readonly WaitingFile _stream;
    private readonly ShareSender _sender;

    private LockWatch(SafeFileHandle stream)
    {
        _stream = new WaitingFile(stream);
        _sender = new ShareSender(_stream.Write);
        // Until the host's side is connected a read would report the end of the stream; a port takes output from then on.
        _stream.WaitWritable();
    }

    internal static void Start(SafeFileHandle stream)
    {
        var watch = new LockWatch(stream);
        ShareRelay.Run(watch.Listen);
        ShareRelay.Run(watch.Look);
    }

    private void Listen()
    {
        var receiver = new ShareReceiver(_stream.Read);
        while (receiver.Receive() is { } message)
        {
            LockWait wait = LockWait.Read(message.Span);
            message.Return();
            lock (_lock)
            {
                if (wait.Thread == 0) _waiting.Remove(wait.Unique);
                else _waiting[wait.Unique] = wait.Thread;
                Monitor.PulseAll(_lock);
            }
        }

        throw new IOException("the host ended the stream of the shares");
    }

    private void Look()
    {
        while (true)
        {
            KeyValuePair<ulong, uint>[] waiting;
            lock (_lock)
            {
                while (_waiting.Count == 0) Monitor.Wait(_lock);
                Monitor.Wait(_lock, Period);
                waiting = [.. _waiting];
            }

            foreach ((ulong unique, uint thread) in waiting)
            {
                if (!HasSignal(thread)) continue;
                lock (_lock) _waiting.Remove(unique);
                _sender.Send(ShareFrame.Rings, InterruptOf(unique));
            }
        }
    }

    private static byte[] InterruptOf(ulong unique)
    {
        byte[] room = new byte[ShareFrame.Size + HeaderSize + sizeof(ulong)];
        Span<byte> message = room.AsSpan(ShareFrame.Size);
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        BinaryPrimitives.WriteInt32LittleEndian(message[4..], Interrupt);
        BinaryPrimitives.WriteUInt64LittleEndian(message[HeaderSize..], unique);
        return room;
    }

    /// <summary>Whether a signal waits to be delivered to the thread: pending, and not blocked; proc(5).</summary>
    private static bool HasSignal(uint thread)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/status");
        using SafeFileHandle? file = FileDescriptor.TryOpen(path, OpenFlags.ReadOnly);
        if (file == null) return false;
        string status = System.Text.Encoding.ASCII.GetString(FileDescriptor.ReadToEnd(file));
        return ((Mask(status, "SigPnd:") | Mask(status, "ShdPnd:")) & ~Mask(status, "SigBlk:")) != 0;
    }

    private static ulong Mask(string status, string name)
    {
        int at = status.IndexOf(name, StringComparison.Ordinal);
        if (at < 0) return 0;
        ReadOnlySpan<char> rest = status.AsSpan(at + name.Length).TrimStart();
        int end = rest.IndexOf('\n');
        return ulong.Parse(end < 0 ? rest : rest[..end], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
