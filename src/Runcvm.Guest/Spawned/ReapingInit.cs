using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Processes;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Spawned;

/// <summary>`runcvm-init reap`: the small init of `docker run --init`, PID 1 of the workload's namespace. It starts the
/// workload, forwards signals to it, and takes the status of every process that nobody waits for.</summary>
internal static class ReapingInit
{
    private const int LaunchFile = 3;
    private const int ReportFile = 4;

    /// <summary>Turns this process into the init. Signals are read from a descriptor, for which they must be blocked
    /// before the runtime starts its threads: hence a new execution.</summary>
    internal static void Become(ProcessSpec workload, SafeFileHandle report)
    {
        var spec = new LaunchSpec(MountAction.Keep, false, false, false, false, workload);
        using SafeFileHandle launch = FileDescriptor.InMemory("launch", WireBytes.Of(spec));
        FileDescriptor.PlaceAt(launch, LaunchFile);
        FileDescriptor.PlaceAt(report, ReportFile);
        SignalSet.BlockForwarded();
        CurrentProcess.Execute("/proc/self/exe", ["runcvm-init", "reap"], []);
    }

    internal static int Run()
    {
        using var loop = new EventLoop();
        using var signals = new AsyncFile(loop, SignalSet.OpenForwarded());
        using ChildProcess? workload = StartWorkload();
        if (workload == null) return 1;
        return loop.Run(() => RunAsync(workload, signals));
    }

    private static ChildProcess? StartWorkload()
    {
        // Closed here afterwards: the boot process waits for the end of the report.
        using SafeFileHandle launch = FileDescriptor.Inherited(LaunchFile);
        using SafeFileHandle report = FileDescriptor.Inherited(ReportFile);
        using Spawner spawner = Spawner.Start();
        FileDescriptor.Rewind(launch);
        if (spawner.TryOrder(launch, Standard(0), Standard(1), Standard(2), report)) return spawner.Process;
        SpawnedProcess.Report(report, 125, SpawnReport.Died);
        return null;
    }

    private static async Task<int> RunAsync(ChildProcess workload, AsyncFile signals)
    {
        while (true)
        {
            while (ChildProcess.TryReap() is var (id, status))
            {
                if (id == workload.Id) return status.ShellCode;
            }

            await signals.ReadableAsync();
            for (int number; (number = SignalSet.TryTake(signals.Handle)) != 0;)
            {
                if (number != SignalNumber.Child) workload.Kill(number);
            }
        }
    }

    private static SafeFileHandle Standard(int number) => new(number, ownsHandle: false);
}
