namespace Runcvm.Protocol.Frames;

/// <summary>Wakes those who wait for something to change. They look for themselves what it was. Everything happens on
/// one thread, so nothing can change between looking and waiting.</summary>
public sealed class Pulse
{
    private TaskCompletionSource? _waiting;

    /// <summary>Ends with the next <see cref="Set"/>.</summary>
    public Task WaitAsync() => (_waiting ??= new TaskCompletionSource()).Task;

    /// <summary>Continues all who wait now.</summary>
    public void Set()
    {
        TaskCompletionSource? waiting = _waiting;
        _waiting = null;
        waiting?.SetResult();
    }
}
