using Runcvm.Linux.Events;
using Runcvm.Machines;

namespace Runcvm.Supervisor;

/// <summary>Tells of errors of a machine's disks, and lets a machine that waits for room on the host go on as soon as there is some.</summary>
/// <param name="loop">runs it</param>
/// <param name="machine">whose disks they are</param>
/// <param name="setClock">for a guest that stood still</param>
/// <param name="tell">writes a line to the machine's log</param>
internal sealed class DiskWatch(EventLoop loop, IReportsDiskErrors machine, Func<Task> setClock, Action<string> tell)
{
    /// <summary>No event says that a file system has room again, nor does a number: quotas have their own. So the request is made again.</summary>
    private static readonly TimeSpan UntilNextTry = TimeSpan.FromSeconds(1);

    /// <summary>A guest that went on without an error for so long has room.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(1);

    /// <summary>The guest can have errors as often as it likes, and the log is the host's.</summary>
    private static readonly TimeSpan BetweenLines = TimeSpan.FromMinutes(1);

    private long _nextLine;
    private Task _clockSet = Task.CompletedTask;

    /// <summary>Ends with the machine.</summary>
    internal async Task RunAsync()
    {
        Task<DiskError> next = machine.DiskError;
        while (await Task.WhenAny(next, machine.Exited) == next)
        {
            DiskError error = await next;
            next = machine.DiskError;
            bool tells = Environment.TickCount64 >= _nextLine;
            if (tells) _nextLine = Environment.TickCount64 + (long)BetweenLines.TotalMilliseconds;
            if (error.Stops) next = await WaitForRoomAsync(error, next, tells);
            else if (tells) tell($"a {Word(error.Operation)} of the machine's disk {Word(error.Disk)} failed on the host, and the guest was told: {Word(error.Reason)}");
        }

        await _clockSet;
    }

    private async Task<Task<DiskError>> WaitForRoomAsync(DiskError error, Task<DiskError> next, bool tells)
    {
        if (tells) tell($"the host has no room for the machine's disk {Word(error.Disk)} ({Word(error.Reason)}): the machine waits until there is some");
        do
        {
            if (!await AwaitAsync(BootWatch.Never, UntilNextTry)) return next;
            next = machine.DiskError;
            await machine.ContinueAsync();
        }
        while (!await AwaitAsync(next, Settled) && next is { IsCompletedSuccessfully: true, Result.Stops: true });
        if (machine.Exited.IsCompleted) return next;
        if (tells) tell($"the machine goes on: there is room for its disk {Word(error.Disk)}");
        // Not awaited here: a guest that stands still again does not read it.
        _clockSet = Task.WhenAll(_clockSet, setClock());
        return next;
    }

    /// <returns>whether the time passed, and neither of the others came first</returns>
    private async Task<bool> AwaitAsync(Task other, TimeSpan time)
    {
        using var over = new CancellationTokenSource();
        Task<bool> delay = loop.DelayAsync(time, over.Token);
        bool passed = await Task.WhenAny(delay, other, machine.Exited) == delay;
        over.Cancel();
        return passed;
    }

    // The hypervisor may be in the guest's hand.
    private static string Word(string text) => TextRing.Printable(text.Length > 100 ? text[..100] : text);
}
