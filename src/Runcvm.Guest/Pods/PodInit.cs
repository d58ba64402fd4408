using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;

namespace Runcvm.Guest.Pods;

/// <summary>`runcvm-init pod`: the first process of the pod's PID namespace, in place of a pause image's. It takes the
/// status of every process that nobody waits for, and ends, with the machine, when it is told to.</summary>
internal static class PodInit
{
    internal const string Verb = "pod";

    /// <summary>Turns this process into it. Signals are read from a descriptor, for which they must be blocked before
    /// the runtime starts its threads: hence a new execution, by which the file of the report closes as well.</summary>
    internal static void Become()
    {
        SignalSet.BlockForwarded();
        CurrentProcess.Execute("/proc/self/exe", ["runcvm-init", Verb], []);
    }

    internal static int Run()
    {
        using var loop = new EventLoop();
        using var signals = new AsyncFile(loop, SignalSet.OpenForwarded());
        return loop.Run(() => RunAsync(signals));
    }

    private static async Task<int> RunAsync(AsyncFile signals)
    {
        while (true)
        {
            while (ChildProcess.TryReap() != null)
            {
            }

            await signals.ReadableAsync();
            for (int number; (number = SignalSet.TryTake(signals.Handle)) != 0;)
            {
                if (number is SignalNumber.Terminate or SignalNumber.Interrupt) return 0;
            }
        }
    }
}
