using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;

namespace Runcvm.Guest.Processes;

/// <summary>Signals for the first process of a PID namespace, while it starts. The kernel drops what such a process has
/// no handler for, and the user cannot know how far a program in a machine has come: a `docker stop` in its first
/// moments would be lost. So a signal waits here until the program can take it.</summary>
/// <param name="loop">runs it</param>
/// <param name="process">the process</param>
internal sealed class AwaitedHandlers(EventLoop loop, ChildProcess process)
{
    // A program that sets no handler in its first seconds has none, and its signals are lost as in any container.
    private static readonly TimeSpan Beginning = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    // Nothing tells of a new handler. A look takes some microseconds of the guest.
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(200);

    // A signal that is blocked waits in the kernel. But programs block all for a moment while they fork, and lose then
    // what they have no handler for.
    private const int LooksOfBlocked = 3;

    private readonly long _begun = Environment.TickCount64;
    private readonly TaskCompletionSource _ended = new();
    private readonly Dictionary<int, Task> _waiting = [];

    /// <summary>Sends a signal, now or when it can be taken. One that waits already is not sent twice.</summary>
    /// <param name="number">1 to 64</param>
    internal void Send(int number)
    {
        if (_waiting.TryGetValue(number, out Task? earlier) && !earlier.IsCompleted) return;
        _waiting[number] = SendAsync(number);
    }

    /// <summary>The process has ended: nothing is sent any more.</summary>
    internal async Task EndAsync()
    {
        _ended.SetResult();
        await Task.WhenAll(_waiting.Values);
    }

    private async Task SendAsync(int number)
    {
        if (number is not (SignalNumber.Kill or SignalNumber.Stop or SignalNumber.Continue)
            && Environment.TickCount64 - _begun < Beginning.TotalMilliseconds)
            await CanTakeAsync(number);
        if (!_ended.Task.IsCompleted) process.Kill(number);
    }

    private async Task CanTakeAsync(int number)
    {
        long since = Environment.TickCount64;
        TimeSpan pause = FirstPause;
        int blocked = 0;
        while (Environment.TickCount64 - since < LongestWait.TotalMilliseconds)
        {
            if (SignalHandling.TryOf(process.Id) is not { IsFirst: true } handling) return;
            if (SignalHandling.Has(handling.Caught, number)) return;
            blocked = SignalHandling.Has(handling.Blocked, number) ? blocked + 1 : 0;
            if (blocked == LooksOfBlocked
                || await Task.WhenAny(loop.DelayAsync(pause), _ended.Task) == _ended.Task) return;
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }
}
