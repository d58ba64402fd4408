using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Network;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Supervisor;

/// <summary>A UDP port at which the guest listens, for those who share its addresses but not its machine. Each sender has a
/// stream to the guest of its own, where a socket of its own stands for it, so that answers find their way back.</summary>
/// <param name="loop">the loop</param>
/// <param name="link">to the guest</param>
/// <param name="port">where the guest listens</param>
/// <param name="socket">bound to that port</param>
/// <param name="waiting">what waits for the guest, of all ports</param>
/// <param name="known">the senders of all ports</param>
internal sealed class DatagramPort(
    EventLoop loop, GuestLink link, ushort port, AsyncFile socket, WaitingBytes waiting, DatagramSenders known) : IDisposable
{
    private const int MaxWaiting = 64;

    // As long as the kernel's connection tracking remembers a sender that got answers (nf_conntrack_udp_timeout_stream).
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(120);

    private readonly Dictionary<DatagramPeer, Sender> _senders = [];

    private EventLoop Loop => loop;

    private GuestLink Link => link;

    private ushort Port => port;

    private AsyncFile Socket => socket;

    private WaitingBytes Waiting => waiting;

    private DatagramSenders Known => known;

    /// <summary>Serves until the object is disposed.</summary>
    internal async Task RunAsync()
    {
        byte[] buffer = new byte[Datagram.MaxLength];
        try
        {
            while (true)
            {
                int length = DatagramListener.TryReceive(socket.Handle, buffer, out DatagramPeer from);
                if (length < 0) await socket.ReadableAsync();
                else Take(from, buffer.AsSpan(0, length));
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or LinuxException)
        {
            // The guest no longer listens, or the machine is ending.
        }
        finally
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        socket.Dispose();
        // Each takes itself out of the table.
        foreach (Sender sender in _senders.Values.ToArray()) sender.Close();
    }

    private void Take(DatagramPeer from, ReadOnlySpan<byte> datagram)
    {
        if (!_senders.TryGetValue(from, out Sender? sender))
        {
            sender = new Sender(this, from);
            _senders.Add(from, sender);
            known.Add(sender);
            // Ends by itself, at the latest with the stream.
            _ = sender.RunAsync();
        }

        sender.Take(datagram);
    }

    private sealed class Sender : IDatagramSender
    {
        private readonly DatagramPort _owner;
        private readonly DatagramPeer _peer;
        private readonly uint _id;
        private readonly Channel _input;
        private readonly Channel _output;
        private readonly Queue<byte[]> _waiting = new();
        private TaskCompletionSource _arrived = new();

        /// <inheritdoc/>
        public long LastUsed { get; private set; }

        internal Sender(DatagramPort owner, DatagramPeer peer)
        {
            _owner = owner;
            _peer = peer;
            _id = owner.Link.NextId();
            _input = owner.Link.Multiplexer.Open(Start.ChannelOf(_id, 0));
            _output = owner.Link.Multiplexer.Open(Start.ChannelOf(_id, 1));
        }

        /// <summary>A datagram that finds too many before it is lost, as it would be in a socket's buffer.</summary>
        internal void Take(ReadOnlySpan<byte> datagram)
        {
            LastUsed = Environment.TickCount64;
            if (_waiting.Count < MaxWaiting) Keep(Datagram.Frame(datagram));
            _arrived.TrySetResult();
        }

        private void Keep(byte[] frame)
        {
            if (_owner.Waiting.TryAdd(frame.Length)) _waiting.Enqueue(frame);
        }

        internal async Task RunAsync()
        {
            try
            {
                await _owner.Link.SendAsync(MessageKind.Connect, new Connect(_id, _owner.Port, IsDatagram: true).Write);
                await Task.WhenAny(SendAsync(), AnswerAsync(), AwaitSilenceAsync());
            }
            finally
            {
                Close();
                while (_waiting.TryDequeue(out byte[]? lost)) _owner.Waiting.Remove(lost.Length);
            }
        }

        /// <inheritdoc/>
        public void Close()
        {
            // At once: the next datagram from there begins anew.
            Forget();
            _input.Close();
            _output.Close();
            _arrived.TrySetCanceled();
        }

        private void Forget()
        {
            _owner.Known.Remove(this);
            if (_owner._senders.TryGetValue(_peer, out Sender? present) && present == this) _owner._senders.Remove(_peer);
        }

        private async Task SendAsync()
        {
            while (true)
            {
                await _arrived.Task;
                _arrived = new TaskCompletionSource();
                while (_waiting.TryDequeue(out byte[]? next))
                {
                    _owner.Waiting.Remove(next.Length);
                    await _input.WriteAsync(next);
                }
            }
        }

        private async Task AnswerAsync()
        {
            while (await Datagram.ReadAsync(_output.ReadAsync) is { } answer)
            {
                LastUsed = Environment.TickCount64;
                DatagramListener.Send(_owner.Socket.Handle, answer, _peer);
            }
        }

        private async Task AwaitSilenceAsync()
        {
            long before;
            do
            {
                before = LastUsed;
                await _owner.Loop.DelayAsync(Silence);
            }
            while (LastUsed != before);
        }
    }
}
