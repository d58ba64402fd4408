using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;
using Runcvm.Machines;

namespace Runcvm.Supervisor;

/// <summary>What hypervisor and guest kernel said last: all that is known of a machine that did not make it.</summary>
internal sealed class LastWords
{
    private const int ConsoleKept = 64 * 1024;
    private const int ErrorsKept = 8 * 1024;
    private const int LinesShown = 12;
    private const string Panic = "Kernel panic - not syncing: ";
    private const string ConsoleEnds = "the guest's console ends with";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly TextRing _console = new(ConsoleKept);
    private readonly TextRing _errors = new(ErrorsKept);
    private Task _listening = Task.CompletedTask;

    /// <summary>For those who watch it.</summary>
    internal TextRing Console => _console;

    /// <summary>Listens until the machine's files end.</summary>
    /// <param name="machine">just started</param>
    /// <param name="copy">gets the console's bytes as they come</param>
    internal Task ListenAsync(IMachine machine, Action<ReadOnlyMemory<byte>>? copy)
        => _listening = Task.WhenAll(_console.FillAsync(machine.Console, copy), _errors.FillAsync(machine.Errors));

    /// <summary>The error of a hypervisor that ended, or closed the stream, too early.</summary>
    internal async Task<UsageException> OfDeadAsync(EventLoop loop, IMachine machine)
    {
        using var given = new CancellationTokenSource();
        Task<bool> patience = loop.DelayAsync(Patience, given.Token);
        // What it wrote before its end may not have been read yet.
        await Task.WhenAny(Task.WhenAll(machine.Exited, _listening), patience);
        given.Cancel();
        // The kernel ends the machine by itself then, without a fault of the hypervisor's.
        if (machine.Exited is { IsCompletedSuccessfully: true, Result.Signal: 0 } && _console.LastAfter(Panic) is { } reason)
            return new UsageException($"the guest's kernel panicked ({reason}){Said(ConsoleEnds, _console.LastLines(LinesShown))}");
        string how = !machine.Exited.IsCompleted ? "closed the stream"
            : machine.Exited.Result.Signal == SignalNumber.BadSystemCall ? "was stopped by its filter of system calls (a binary that is not its project's release?)"
            : machine.Exited.Result.Signal != 0 ? $"was killed by signal {machine.Exited.Result.Signal}"
            : $"ended with code {machine.Exited.Result.Code}";
        return new UsageException(
            $"{machine.Name} {how} before the workload had ended{Said("it said", machine.Explain(_errors.LastLines(LinesShown)))}{Said(ConsoleEnds, _console.LastLines(LinesShown))}");
    }

    /// <summary>The error of a guest that did not answer.</summary>
    internal UsageException OfSilent(IMachine machine, int seconds)
    {
        string console = _console.LastLines(LinesShown);
        string told = console.Length > 0 ? Said(ConsoleEnds, console) : "; its kernel reported no error: RUNCVM_KERNEL_DEBUG=1 shows how far it came";
        return new UsageException(
            $"the guest did not answer within {seconds} s (boot_timeout in /etc/runcvm/config.toml){Said($"{machine.Name} said", machine.Explain(_errors.LastLines(LinesShown)))}{told}");
    }

    /// <summary>The last lines that the hypervisor said, for the end of a sentence.</summary>
    internal string OfErrors(IMachine machine)
        => Said($"{machine.Name} said", machine.Explain(_errors.LastLines(LinesShown)));

    /// <summary>The last lines of the console, for the end of a sentence.</summary>
    internal string OfConsole() => Said("its console ends with", _console.LastLines(LinesShown));

    // A single line stays in the sentence.
    private static string Said(string introduction, string lines)
        => lines.Length == 0 ? "" : $"; {introduction}:{(lines.Contains('\n', StringComparison.Ordinal) ? '\n' : ' ')}{lines}";
}
