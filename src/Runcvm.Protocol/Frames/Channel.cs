using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Frames;

/// <summary>A two-way byte stream inside a <see cref="Multiplexer"/>, with flow control and half-close. One reader and
/// one writer at a time.</summary>
public sealed class Channel
{
    /// <summary>How many bytes may be under way in one direction: enough for full speed over a virtio queue, little
    /// enough for hundreds of channels.</summary>
    public const int Window = 256 * 1024;

    private readonly Multiplexer _owner;
    private readonly ByteQueue _received = new();
    private readonly Pulse _changed = new();
    private int _sendCredit = Window;
    private int _receiveCredit = Window;
    private int _unreported;
    private bool _peerEnded;
    private bool _peerWantsNoMore;
    private bool _ended;
    private bool _wantsNoMore;
    private bool _closed;

    internal Channel(Multiplexer owner, uint id)
    {
        _owner = owner;
        Id = id;
    }

    /// <summary>Its number.</summary>
    public uint Id { get; }

    /// <summary>Whether something has come that nobody has read yet.</summary>
    public bool HasUnread => _received.Count > 0;

    /// <summary>Whether the other side does not know of it yet, so that nothing is sent.</summary>
    internal bool Rests { get; private set; }

    /// <summary>Reads what is there, at least one byte; 0 at the end.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer)
    {
        while (_received.Count == 0)
        {
            if (_peerEnded || _closed) return 0;
            _owner.ThrowIfBroken();
            await _changed.WaitAsync();
        }

        int count = _received.Dequeue(buffer.Span);
        _unreported += count;
        // Half a window at a time: one small frame a hundred kilobytes, and the sender never runs dry.
        if (_unreported >= Window / 2 && !_peerEnded) ReportConsumed();
        return count;
    }

    /// <summary>Sends all of it, as the other side makes room.</summary>
    /// <exception cref="ChannelClosedException">the other side wants no more</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            _owner.ThrowIfBroken();
            if (_peerWantsNoMore || _closed) throw new ChannelClosedException($"channel {Id} was closed");
            int count = Math.Min(Math.Min(bytes.Length, _sendCredit), FrameHeader.MaxPayload);
            if (count == 0 || !_owner.HasRoomFor(this))
            {
                await _changed.WaitAsync();
                continue;
            }

            _sendCredit -= count;
            _owner.Send(new FrameHeader(Id, FrameKind.Data, count), bytes.Span[..count]);
            bytes = bytes[count..];
        }
    }

    /// <summary>Says that nothing more will be written.</summary>
    public void End()
    {
        if (_ended || _owner.IsBroken) return;
        _ended = true;
        if (!Rests) SendEnd();
    }

    private void SendEnd() => _owner.Send(new FrameHeader(Id, FrameKind.End, 0), []);

    /// <summary>Says that nothing more will be read: what comes all the same is thrown away.</summary>
    public void Refuse()
    {
        if (_wantsNoMore || _peerEnded || _owner.IsBroken) return;
        _wantsNoMore = true;
        _received.Drop(_received.Count);
        if (!Rests) SendReset();
    }

    private void SendReset() => _owner.Send(new FrameHeader(Id, FrameKind.Reset, 0), []);

    /// <summary>Ends both directions and forgets the channel. Whoever reads it gets the end, whoever writes it fails.</summary>
    public void Close()
    {
        End();
        Refuse();
        _closed = true;
        if (!Rests) _owner.Forget(this);
        _changed.Set();
    }

    /// <summary>The other side begins anew with it.</summary>
    /// <param name="rests">it does not know of it yet</param>
    internal void Renew(bool rests)
    {
        Rests = rests;
        _sendCredit = _receiveCredit = Window;
        _unreported = 0;
        // What nobody has read was said to another machine.
        _received.Drop(_received.Count);
        _peerEnded = false;
        _peerWantsNoMore = false;
        _changed.Set();
    }

    /// <summary>The other side knows of it, and learns how it stands.</summary>
    internal void Resume()
    {
        if (!Rests) return;
        Rests = false;
        if (_ended) SendEnd();
        if (_wantsNoMore) SendReset();
        if (_closed) _owner.Forget(this);
        _changed.Set();
    }

    /// <summary>There is nobody on the other side any more.</summary>
    internal void Abandon()
    {
        _ended = _wantsNoMore = _closed = true;
        _received.Drop(_received.Count);
        _owner.Forget(this);
        _changed.Set();
    }

    internal void Accept(FrameKind kind, ReadOnlySpan<byte> payload)
    {
        switch (kind)
        {
            case FrameKind.Data:
                if (_peerEnded) throw new WireFormatException($"data on channel {Id} after its end");
                _receiveCredit -= payload.Length;
                if (_receiveCredit < 0) throw new WireFormatException($"channel {Id} got more data than it had room for");
                if (!_wantsNoMore) _received.Enqueue(payload);
                break;
            case FrameKind.Window:
                uint more = BitConverter.ToUInt32(payload);
                if (more > Window - _sendCredit) throw new WireFormatException($"channel {Id} was granted more than its window");
                _sendCredit += (int)more;
                break;
            case FrameKind.End:
                _peerEnded = true;
                break;
            case FrameKind.Reset:
                _peerWantsNoMore = true;
                break;
        }

        _changed.Set();
    }

    internal void Wake() => _changed.Set();

    private void ReportConsumed()
    {
        Span<byte> payload = stackalloc byte[4];
        BitConverter.TryWriteBytes(payload, _unreported);
        _receiveCredit += _unreported;
        _unreported = 0;
        _owner.Send(new FrameHeader(Id, FrameKind.Window, 4), payload);
    }
}
