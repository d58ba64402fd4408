namespace Runcvm.Protocol.Frames;

/// <summary>Wakes those who wait for something to change. They look for themselves what it was. Everything happens on
/// one thread, so nothing can change between looking and waiting.</summary>
public sealed class Pulse
{
    private readonly Queue<TaskCompletionSource> _waiting = new();

    /// <summary>Ends with the next <see cref="Set"/>.</summary>
    public Task WaitAsync()
    {
        // A task for each who waits: of several awaiters of one task, .NET continues only one on the thread that
        // completes it, the others on the thread pool.
        var waiter = new TaskCompletionSource();
        _waiting.Enqueue(waiter);
        return waiter.Task;
    }

    /// <summary>Continues all who wait now.</summary>
    public void Set()
    {
        // Not those who start to wait while the others continue. Fewer may be left if one of these sets it again.
        for (int left = _waiting.Count; left > 0 && _waiting.TryDequeue(out TaskCompletionSource? waiter); left--) waiter.SetResult();
    }
}
