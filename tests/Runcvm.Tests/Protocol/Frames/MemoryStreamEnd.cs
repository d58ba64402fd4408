namespace Runcvm.Tests.Protocol.Frames;

/// <summary>One direction of a stream in memory. Bytes arrive only when the test delivers them, in pieces of any size.</summary>
internal sealed class MemoryStreamEnd
{
    private readonly Queue<byte> _underWay = new();
    private TaskCompletionSource<int>? _reader;
    private Memory<byte> _target;
    private bool _ended;

    internal ValueTask<int> ReadAsync(Memory<byte> target)
    {
        _target = target;
        _reader = new TaskCompletionSource<int>();
        return new ValueTask<int>(_reader.Task);
    }

    internal ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        foreach (byte b in bytes.Span) _underWay.Enqueue(b);
        return ValueTask.CompletedTask;
    }

    internal void End() => _ended = true;

    /// <summary>Gives the reader at most that many bytes. False: there is none, or nobody reads.</summary>
    internal bool Deliver(int atMost)
    {
        if (_reader is not { } reader || (_underWay.Count == 0 && !_ended)) return false;
        int count = Math.Min(Math.Min(atMost, _target.Length), _underWay.Count);
        for (int i = 0; i < count; i++) _target.Span[i] = _underWay.Dequeue();
        _reader = null;
        reader.SetResult(count);
        return true;
    }
}
