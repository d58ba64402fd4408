using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Frames;

/// <summary>Many channels over one byte stream. The host announces a channel by a message, and opens it, with
/// <see cref="MessageSender"/>, when the message is in the stream's queue. The guest opens it as it reads that message,
/// before it looks at the next frame. So no frame comes before its channel. All methods are called on one
/// thread.</summary>
public sealed class Multiplexer
{
    // For each channel, while not a byte could be sent. Two are all that an honest sender can use up, for it reads each before
    // it goes on; one that does not would have them pile up here without end.
    private const int MostUnsentGrants = 16;

    // Writers of data wait while this many bytes wait to be written to the stream. Each channel's window alone would
    // not bound them: there may be any number of channels, one after the other.
    private const int MostUnsent = 1024 * 1024;

    private const int ReadSize = FrameHeader.MaxPayload + FrameHeader.Size;

    private readonly Dictionary<uint, Channel> _channels = [];
    private readonly ByteQueue _output = new();
    private readonly Pulse _outputChanged = new();
    private readonly HashSet<Channel> _waitingForRoom = [];
    private uint _highestOpened;
    private int _unsentGrants;
    private Exception? _broken;

    // While it is held: how many bytes of what waits may still be written.
    private int? _left;

    /// <summary>Whether the stream is gone.</summary>
    public bool IsBroken => _broken != null;

    /// <summary>Why the stream is gone, or null.</summary>
    public Exception? Failure => _broken;

    /// <summary>Is called when a host speaks again after a pause: with true where it is another one, to which all of
    /// this is new. Null on the host's side, which takes no such frames.</summary>
    public Action<bool>? SpokenTo { get; set; }

    /// <summary>Writes what waits by now, and nothing after it until <see cref="Release"/>. Whole frames wait, so that
    /// the stream rests between two. Those who send data wait as well.</summary>
    public void Hold() => _left = _output.Count;

    /// <summary>Ends a pause.</summary>
    public void Release()
    {
        _left = null;
        _outputChanged.Set();
        WakeWaiting();
    }

    /// <summary>Ends a pause, and tells the guest so: the next that it reads.</summary>
    /// <param name="isNew">This host has not spoken to it before: see <see cref="Renew"/>.</param>
    public void SpeakAgain(bool isNew)
    {
        Send(new FrameHeader(0, isNew ? FrameKind.Renew : FrameKind.GoOn, 0), []);
        Release();
    }

    /// <summary>Ends a pause for a guest to which another host speaks now. That host knows of no channel. Those that
    /// are kept begin anew, and all but the first rest until <see cref="Resume"/>; the others are gone.</summary>
    /// <param name="isKept">by its number</param>
    public void Renew(Predicate<uint> isKept)
    {
        // Windows and ends of a session that is over; who sends data has waited.
        _output.Drop(_output.Count);
        _unsentGrants = 0;
        foreach (Channel channel in _channels.Values.ToArray())
        {
            if (isKept(channel.Id)) channel.Renew(rests: channel.Id != 0);
            else channel.Abandon();
        }

        _highestOpened = _channels.Keys.DefaultIfEmpty().Max();
        Release();
    }

    /// <summary>The host knows of the channels that rest: they go on.</summary>
    public void Resume()
    {
        foreach (Channel channel in _channels.Values.ToArray()) channel.Resume();
        WakeWaiting();
    }

    /// <summary>Makes the channel with this number.</summary>
    public Channel Open(uint id)
    {
        var channel = new Channel(this, id);
        if (!_channels.TryAdd(id, channel)) throw new InvalidOperationException($"channel {id} is open already");
        _highestOpened = Math.Max(_highestOpened, id);
        return channel;
    }

    /// <summary>Moves bytes between the stream and the channels until the stream ends or breaks. Then every channel's
    /// reader and writer fails with what <see cref="IsBroken"/> stands for.</summary>
    /// <param name="read">reads from the stream, 0 at its end</param>
    /// <param name="write">writes to the stream</param>
    /// <exception cref="WireFormatException">the other side sent what cannot be</exception>
    public async Task RunAsync(Func<Memory<byte>, ValueTask<int>> read, Func<ReadOnlyMemory<byte>, ValueTask> write)
    {
        Task sending = SendAllAsync(write);
        try
        {
            await ReceiveAllAsync(read);
            Break(new ChannelClosedException("the stream between host and guest has ended"));
        }
        catch (Exception e)
        {
            Break(e);
            throw;
        }
        finally
        {
            await sending;
        }
    }

    /// <summary>Ends when everything sent so far was written to the stream, or the stream is gone.</summary>
    public async Task FlushAsync()
    {
        while (_output.Count > 0 && !IsBroken) await _outputChanged.WaitAsync();
    }

    /// <summary>Declares the stream gone.</summary>
    public void Break(Exception reason)
    {
        if (IsBroken) return;
        _broken = reason;
        foreach (Channel channel in _channels.Values.ToArray()) channel.Wake();
        _outputChanged.Set();
    }

    /// <summary>Takes bytes that came over the stream, from the start of a frame on.</summary>
    /// <returns>how many of them were used: whole frames only</returns>
    public int Receive(ReadOnlySpan<byte> bytes)
    {
        int used = 0;
        while (bytes.Length - used >= FrameHeader.Size)
        {
            FrameHeader header = FrameHeader.Read(bytes[used..]);
            if (bytes.Length - used - FrameHeader.Size < header.Length) break;
            ReadOnlySpan<byte> payload = bytes.Slice(used + FrameHeader.Size, header.Length);
            used += FrameHeader.Size + header.Length;
            if (header.Kind is FrameKind.GoOn or FrameKind.Renew)
            {
                if (SpokenTo == null) throw new WireFormatException("a frame that only a host may send");
                SpokenTo(header.Kind == FrameKind.Renew);
                continue;
            }

            if (_channels.TryGetValue(header.Channel, out Channel? channel)) channel.Accept(header.Kind, payload);
            else if (header.Channel > _highestOpened) throw new WireFormatException($"a frame for channel {header.Channel}, which nobody opened");
            // else: a channel that this side has closed while the frame was under way
        }

        return used;
    }

    internal void ThrowIfBroken()
    {
        if (_broken != null) throw new ChannelClosedException(_broken.Message);
    }

    /// <summary>Whether data may be sent now. If not, the channel is woken as soon as there is room.</summary>
    internal bool HasRoomFor(Channel channel)
    {
        if (_output.Count < MostUnsent && _left == null && !channel.Rests) return true;
        _waitingForRoom.Add(channel);
        return false;
    }

    internal void Send(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        Span<byte> room = _output.Reserve(FrameHeader.Size + payload.Length);
        header.Write(room);
        payload.CopyTo(room[FrameHeader.Size..]);
        _outputChanged.Set();
        if (header.Kind == FrameKind.Window && ++_unsentGrants > (_channels.Count + 1) * MostUnsentGrants)
            Break(new WireFormatException("the other side sends without reading what it is sent"));
    }

    internal void Forget(Channel channel)
    {
        // Another host may have given the number to another one.
        if (_channels.GetValueOrDefault(channel.Id) == channel) _channels.Remove(channel.Id);
        _waitingForRoom.Remove(channel);
    }

    private async Task ReceiveAllAsync(Func<Memory<byte>, ValueTask<int>> read)
    {
        byte[] buffer = new byte[2 * ReadSize];
        int filled = 0;
        while (!IsBroken)
        {
            int count = await read(buffer.AsMemory(filled));
            if (count == 0) return;
            filled += count;
            int used = Receive(buffer.AsSpan(0, filled));
            buffer.AsSpan(used, filled - used).CopyTo(buffer);
            filled -= used;
        }
    }

    private async Task SendAllAsync(Func<ReadOnlyMemory<byte>, ValueTask> write)
    {
        byte[] chunk = new byte[FrameHeader.MaxWrite];
        try
        {
            while (!IsBroken)
            {
                int count = _output.Dequeue(chunk.AsSpan(0, Math.Min(chunk.Length, _left ?? chunk.Length)));
                _left -= count;
                if (count == 0)
                {
                    await _outputChanged.WaitAsync();
                    continue;
                }

                await write(chunk.AsMemory(0, count));
                _unsentGrants = 0;
                if (_output.Count == 0) _outputChanged.Set();
                if (_output.Count <= MostUnsent / 2) WakeWaiting();
            }
        }
        catch (Exception e)
        {
            Break(e);
        }
    }

    // Half of the room at once, so that many who wait are not woken for each piece.
    private void WakeWaiting()
    {
        if (_waitingForRoom.Count == 0) return;
        Channel[] waiting = [.. _waitingForRoom];
        _waitingForRoom.Clear();
        foreach (Channel channel in waiting) channel.Wake();
    }
}
