using System.Buffers;
using System.Buffers.Binary;
using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Shares;

/// <summary>Puts FUSE messages together from the pieces on a stream. One thread at a time.</summary>
/// <param name="read">reads at least one byte, waiting for it; 0 at the end</param>
public sealed class ShareReceiver(ShareReceiver.Reading read)
{
    // Shorter pieces come through the buffer, so that header and message are one read.
    private const int BufferSize = 16 * 1024;

    private readonly byte[] _buffer = new byte[BufferSize];
    private int _start;
    private int _count;
    private ShareMessage? _bulk;
    private int _bulkFilled;

    /// <summary>Reads at least one byte from the stream, 0 at its end.</summary>
    public delegate int Reading(Span<byte> buffer);

    /// <summary>The next whole message, or null at the end of the stream.</summary>
    /// <exception cref="WireFormatException">the other side sent what cannot be</exception>
    public ShareMessage? Receive()
    {
        Span<byte> header = stackalloc byte[ShareFrame.Size];
        while (true)
        {
            if (!TryFill(header, mayEnd: true)) return null;
            ShareFrame frame = ShareFrame.Read(header);
            ShareMessage? message = frame.Bulk ? ReceiveBulk(frame) : ReceiveSmall(frame);
            if (message != null) return message;
        }
    }

    private ShareMessage ReceiveSmall(ShareFrame frame)
    {
        var message = ShareMessage.Rent(frame.Share, frame.Length);
        TryFill(message.Span);
        int length = frame.Length < ShareFrame.MinMessage ? 0 : LengthOf(message.Span);
        if (length != frame.Length) throw new WireFormatException($"a message of {frame.Length} bytes on share {frame.Share} says that it has {length}");
        return message;
    }

    private ShareMessage? ReceiveBulk(ShareFrame frame)
    {
        if (_bulk == null) BeginBulk(frame);
        else if (_bulk.Value.Share != frame.Share) throw new WireFormatException($"a piece of share {frame.Share} inside a message of share {_bulk.Value.Share}");
        ShareMessage message = _bulk!.Value;
        if (frame.Length > message.Length - _bulkFilled) throw new WireFormatException($"a message on share {frame.Share} is longer than it said");
        TryFill(message.Span.Slice(_bulkFilled, frame.Length));
        _bulkFilled += frame.Length;
        if (_bulkFilled < message.Length) return null;
        _bulk = null;
        return message;
    }

    // A FUSE message begins with its own length, request and reply alike.
    private void BeginBulk(ShareFrame frame)
    {
        if (frame.Length < ShareFrame.MinMessage) throw new WireFormatException($"a long message on share {frame.Share} begins with {frame.Length} bytes");
        Span<byte> start = stackalloc byte[4];
        Peek(start);
        int length = LengthOf(start);
        if (length is <= ShareFrame.MaxPiece or > ShareFrame.MaxMessage) throw new WireFormatException($"a message of {length} bytes in pieces on share {frame.Share} cannot be");
        _bulk = ShareMessage.Rent(frame.Share, length);
        _bulkFilled = 0;
    }

    private static int LengthOf(ReadOnlySpan<byte> message) => (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(message));

    private void Peek(Span<byte> target)
    {
        while (_count < target.Length)
        {
            if (_start > 0) _buffer.AsSpan(_start, _count).CopyTo(_buffer);
            _start = 0;
            _count += ReadSome(_buffer.AsSpan(_count));
        }

        _buffer.AsSpan(_start, target.Length).CopyTo(target);
    }

    private bool TryFill(Span<byte> target, bool mayEnd = false)
    {
        int wanted = target.Length;
        while (!target.IsEmpty)
        {
            if (_count == 0 && target.Length >= BufferSize)
            {
                target = target[ReadSome(target)..];
                continue;
            }

            if (_count == 0)
            {
                _start = 0;
                int got = read(_buffer);
                if (got == 0 && mayEnd && target.Length == wanted) return false;
                if (got == 0) throw new WireFormatException("the stream of the shares ended in the middle of a message");
                _count = got;
            }

            int take = Math.Min(_count, target.Length);
            _buffer.AsSpan(_start, take).CopyTo(target);
            _start += take;
            _count -= take;
            target = target[take..];
        }

        return true;
    }

    private int ReadSome(Span<byte> target)
    {
        int got = read(target);
        return got > 0 ? got : throw new WireFormatException("the stream of the shares ended in the middle of a message");
    }
}

/// <summary>A FUSE message in a pooled buffer.</summary>
/// <param name="Share">number of the share</param>
/// <param name="Buffer">holds it from the start on</param>
/// <param name="Length">its bytes</param>
public readonly record struct ShareMessage(ushort Share, byte[] Buffer, int Length)
{
    /// <summary>The message.</summary>
    public Span<byte> Span => Buffer.AsSpan(0, Length);

    /// <summary>Gives the buffer back.</summary>
    public void Return() => ArrayPool<byte>.Shared.Return(Buffer);

    internal static ShareMessage Rent(ushort share, int length) => new(share, ArrayPool<byte>.Shared.Rent(length), length);
}
