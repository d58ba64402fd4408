using Runcvm.Linux;

namespace Runcvm.Fuse.Locks;

/// <summary>Requests that wait for a lock (FUSE_SETLKW), in the order in which they came. No thread waits with them: they
/// are tried again when a lock is given up here, and by a thread from time to time, because the kernel does not tell of those
/// that other processes of the host give up.</summary>
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
    private readonly AutoResetEvent _changed = new(initialState: false);
    private Thread? _retrying;
    private bool _disposed;

    /// <param name="answer">takes a request's number and its result</param>
    internal WaitingLocks(Action<ulong, int> answer)
    {
        _answer = answer;
    }

    internal int Count
    {
        get
        {
            lock (_lock) return _waiting.Count;
        }
    }

    /// <summary>Tries at once, and else waits. The calling thread's capabilities are those with which it is tried again.</summary>
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
            if (_waiting.Count == 1) WatchWaiting();
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
                _waiting.RemoveAt(at);
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
                _waiting.RemoveAt(i);
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
            _changed.Set();
        }
    }

    // A thread has the capabilities of the one that starts it; one of the pool might have been started by any, and a file is opened for a lock.
    private void WatchWaiting()
    {
        _changed.Set();
        if (_retrying != null) return;
        _retrying = new Thread(RetryWhileSomebodyWaits) { IsBackground = true, Name = "locks" };
        _retrying.Start();
    }

    private void RetryWhileSomebodyWaits()
    {
        while (true)
        {
            bool isIdle;
            lock (_lock)
            {
                if (_disposed) return;
                isIdle = _waiting.Count == 0;
            }

            _changed.WaitOne(isIdle ? Timeout.InfiniteTimeSpan : Period);
            Retry();
        }
    }
}
