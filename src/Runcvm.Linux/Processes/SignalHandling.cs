namespace Runcvm.Linux.Processes;

/// <summary>What becomes of a signal that another process gets, as its main thread has it now.</summary>
/// <param name="Caught">the signals that it has a handler for, bit n - 1 for signal n</param>
/// <param name="Blocked">those that wait until it takes them: a program with signalfd(2), or one that is busy</param>
/// <param name="IsFirst">it is the first process of its PID namespace: of the signals that it does not catch, the
/// kernel drops all but SIGKILL and SIGSTOP, pid_namespaces(7)</param>
public sealed record SignalHandling(ulong Caught, ulong Blocked, bool IsFirst)
{
    /// <summary>Of a process; null when there is none any more.</summary>
    /// <param name="process">its id here</param>
    public static SignalHandling? TryOf(int process)
    {
        if (ThreadStatus.TryRead($"/proc/{process}/status") is not { } status) return null;
        return new SignalHandling(
            ThreadStatus.SetIn(status, "SigCgt"), ThreadStatus.SetIn(status, "SigBlk"), IsFirstIn(status));
    }

    /// <summary>Whether a set has a signal.</summary>
    public static bool Has(ulong set, int signal) => (set >> (signal - 1) & 1) != 0;

    // "NSpid:" has its id in each namespace from here to its own.
    private static bool IsFirstIn(string status)
    {
        const string Label = "NSpid:";
        int start = status.IndexOf(Label, StringComparison.Ordinal);
        if (start < 0) return false;
        int end = status.IndexOf('\n', start);
        return status[start..end].EndsWith("\t1", StringComparison.Ordinal);
    }
}
