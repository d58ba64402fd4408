namespace Runcvm.Protocol.Frames;

/// <summary>Bytes first in, first out, in one buffer that grows as needed and shrinks to nothing when empty.</summary>
internal sealed class ByteQueue
{
    private const int KeptWhenEmpty = 16 * 1024;

    private byte[] _buffer = [];
    private int _start;

    internal int Count { get; private set; }

    internal void Enqueue(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
    }

    /// <summary>Room for <paramref name="count"/> bytes at the end, which count as enqueued; to be filled at once.</summary>
    internal Span<byte> Reserve(int count)
    {
        if (_start + Count + count > _buffer.Length) Grow(count);
        Span<byte> room = _buffer.AsSpan(_start + Count, count);
        Count += count;
        return room;
    }

    internal ReadOnlyMemory<byte> Peek() => _buffer.AsMemory(_start, Count);

    internal int Dequeue(Span<byte> target)
    {
        int count = Math.Min(Count, target.Length);
        _buffer.AsSpan(_start, count).CopyTo(target);
        Drop(count);
        return count;
    }

    internal void Drop(int count)
    {
        _start += count;
        Count -= count;
        if (Count != 0) return;
        _start = 0;
        if (_buffer.Length > KeptWhenEmpty) _buffer = [];
    }

    private void Grow(int count)
    {
        byte[] target = Count + count <= _buffer.Length ? _buffer : new byte[Math.Max(4096, (Count + count) * 2)];
        _buffer.AsSpan(_start, Count).CopyTo(target);
        _buffer = target;
        _start = 0;
    }
}
