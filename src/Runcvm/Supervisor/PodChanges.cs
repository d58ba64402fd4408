using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Supervisor;

/// <summary>Has the guest change a container, one change after the other.</summary>
/// <param name="link">to the guest</param>
/// <param name="id">number of the container</param>
internal sealed class PodChanges(GuestLink link, uint id)
{
    private TaskCompletionSource<string>? _asked;
    private bool _isOver;

    /// <summary>Asks for no more of them. Ends when the guest owes no answer.</summary>
    internal Task EndAsync()
    {
        _isOver = true;
        return _asked?.Task ?? Task.CompletedTask;
    }

    /// <summary>Asks for one.</summary>
    /// <returns>why not, or nothing</returns>
    internal async Task<string> AskAsync(ContainerChange change)
    {
        if (_isOver) return "the container is not running";
        if (_asked != null) return "the container is being changed already; try again";
        var asked = new TaskCompletionSource<string>();
        _asked = asked;
        await link.SendAsync(new Change(id, change));
        return await asked.Task;
    }

    /// <summary>Takes the guest's answer.</summary>
    /// <exception cref="WireFormatException">it was not asked</exception>
    internal void Take(Changed changed)
    {
        TaskCompletionSource<string> asked = _asked
            ?? throw new WireFormatException($"it has changed container {id}, for which nobody had asked");
        _asked = null;
        asked.SetResult(TextRing.Printable(changed.Failure));
    }
}
