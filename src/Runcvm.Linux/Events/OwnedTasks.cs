namespace Runcvm.Linux.Events;

/// <summary>Tasks that nobody awaits one by one, as those of connections. Their owner awaits the first
/// failure.</summary>
public sealed class OwnedTasks
{
    private readonly TaskCompletionSource _failed = new();

    /// <summary>Fails with the first of them that fails. It never ends otherwise.</summary>
    public Task Failed => _failed.Task;

    /// <summary>Takes one over.</summary>
    public void Add(Task task) => task.OnFailure(failure => _failed.TrySetException(failure));

    /// <summary>Ends with <paramref name="main"/>, or fails with the first of all that fails.</summary>
    public async Task UntilAsync(Task main)
    {
        Add(main);
        await await Task.WhenAny(main, _failed.Task);
    }
}
