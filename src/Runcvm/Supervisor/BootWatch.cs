using Runcvm.Linux.Events;
using Runcvm.Machines;
using Runcvm.Protocol;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>The time from a hypervisor's start to its guest's first word: how long that may take, and how often the guest may be reset meanwhile.</summary>
internal sealed class BootWatch(EventLoop loop, MachineDescription description, IMachine machine, LastWords words, Timeline timeline, MachineLog log)
{
    // Whatever resets a guest three times does so every time. But a kernel that measures its timer badly is unlucky, on a host with too much
    // to do one time in ten.
    private const int MostBoots = 3;
    private const int MostUnluckyBoots = 6;

    // An emulated kernel that has no timer may stand still before it comes to its first program.
    private const int PartUntilReset = 4;

    /// <summary>What does not come.</summary>
    internal static readonly Task Never = new TaskCompletionSource().Task;

    // Null where a reset ends the hypervisor.
    private readonly IResettable? _resettable = machine as IResettable;

    private int _boots = 1;
    private Task _reset = Never;
    private Task _stuck = Never;
    private Task _timeout = Never;
    private Task _heldUp = Never;
    private Task _asked = Never;
    private bool _mayReset;

    /// <summary>Ends with the guest's first word, or with the stream on which it would come.</summary>
    /// <param name="hello">that word</param>
    /// <param name="stream">ends with the stream</param>
    /// <param name="failure">fails with what the guest waits for in vain</param>
    /// <exception cref="UsageException">the hypervisor ended, or the time was over</exception>
    internal async Task AwaitAsync(Task hello, Task stream, Task failure)
    {
        _reset = _resettable?.BootsAgain ?? Never;
        // What ran in a template is gone with a reset, and no kernel is there to boot.
        _mayReset = !description.Hardware.UseKvm && !description.IsClone && _resettable != null;
        Task first;
        do first = await AwaitUnpausedAsync(hello, stream, failure);
        while (first == _heldUp);
        if (first == failure) await failure;
        if (first == machine.Exited) throw await words.OfDeadAsync(loop, machine);
        if (first == _timeout) throw words.OfSilent(machine, description.BootTimeout);
    }

    // A guest that is paused, or asleep with its host, does not boot meanwhile, and has all of its time afterwards.
    private async Task<Task> AwaitUnpausedAsync(Task hello, Task stream, Task failure)
    {
        var patience = TimeSpan.FromSeconds(description.BootTimeout);
        using var over = new CancellationTokenSource();
        _timeout = loop.DelayAsync(patience, over.Token);
        _stuck = _mayReset ? loop.DelayAsync(patience / PartUntilReset, over.Token) : Never;
        _heldUp = loop.HeldUpAsync();
        while (true)
        {
            Task first = await Task.WhenAny(hello, machine.Exited, failure, _heldUp, _timeout, stream, _reset, _stuck, _asked);
            if (first == _stuck) ResetOnce();
            else if (first == _reset) CountReset();
            else if (first == _asked) await TakeAnswerAsync();
            else
            {
                over.Cancel();
                return first;
            }
        }
    }

    // A hypervisor that hangs does not answer, and shall not keep the timeout from passing.
    private async Task TakeAnswerAsync()
    {
        Task answer = _asked;
        _asked = Never;
        await answer;
    }

    private void ResetOnce()
    {
        _mayReset = false;
        _stuck = Never;
        if (_boots < MostBoots) _asked = _resettable!.ResetAsync();
    }

    private void CountReset()
    {
        _reset = _resettable!.BootsAgain;
        timeline.Ended(BootSteps.GivenUp);
        log.Info($"the guest was reset while it booted, and boots once more{words.OfConsole()}");
        int most = words.Console.LastAfter(BadTimer.Words) == null ? MostBoots : MostUnluckyBoots;
        if (++_boots >= most) _asked = _resettable.EndAtResetAsync();
    }
}
