using Runcvm.Linux;

namespace Runcvm.Fuse.Locks;

/// <summary>Requests that wait for a lock (FUSE_SETLKW), in the order in which they came. No thread waits with them: they
/// are tried again when a lock is given up here, and by a timer, because the kernel does not tell of those that other
/// processes of the host give up.</summary>
internal sealed class WaitingLocks : IDisposable
{
    // Each is a process of the guest that waits; more of them mean harm.
    private const int Most = 4096;

    // Interrupts that overtook their request: each worker reads its own, so one a worker at a time at most.
    private const int MostEarly = 256;
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private readonly List<WaitingLock> _waiting = [];
    private readonly Queue<ulong> _early = [];
    private readonly Action<ulong, int> _answer;
    private readonly Timer _timer;
    private bool _disposed;

    /// <param name="answer">takes a request's number and its result</param>
    internal WaitingLocks(Action<ulong, int> answer)
    {
        _answer = answer;
        _timer = new Timer(_ => Retry());
    }

    internal int Count
    {
        get
        {
            lock (_lock) return _waiting.Count;
        }
    }

    /// <summary>Tries at once, and else waits.</summary>
    /// <returns>the result, or null: it comes later</returns>
    internal int? Add(WaitingLock request)
    {
        lock (_lock)
        {
            if (_early.Contains(request.Unique)) return -(int)Errno.EINTR;
            int result = request.Try();
            if (result != -(int)Errno.EAGAIN) return result;
            if (_disposed || _waiting.Count >= Most) return -(int)Errno.ENOLCK;
            _waiting.Add(request);
            if (_waiting.Count == 1) _timer.Change(Period, Period);
            return null;
        }
    }

    /// <summary>FUSE_INTERRUPT: whether the request waited here and does so no more.</summary>
    internal bool TryInterrupt(ulong unique)
    {
        lock (_lock)
        {
            int at = _waiting.FindIndex(request => request.Unique == unique);
            if (at >= 0)
            {
                RemoveAt(at);
                return true;
            }

            if (_early.Count == MostEarly) _early.Dequeue();
            _early.Enqueue(unique);
            return false;
        }
    }

    /// <summary>A lock was given up: whoever waits tries again.</summary>
    internal void Retry()
    {
        List<(ulong Unique, int Result)>? done = null;
        lock (_lock)
        {
            for (int i = 0; i < _waiting.Count;)
            {
                int result = _waiting[i].Try();
                if (result == -(int)Errno.EAGAIN)
                {
                    i++;
                    continue;
                }

                (done ??= []).Add((_waiting[i].Unique, result));
                RemoveAt(i);
            }
        }

        if (done == null) return;
        foreach ((ulong unique, int result) in done) _answer(unique, result);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _waiting.Clear();
        }

        _timer.Dispose();
    }

    private void RemoveAt(int index)
    {
        _waiting.RemoveAt(index);
        if (_waiting.Count == 0 && !_disposed) _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }
}
