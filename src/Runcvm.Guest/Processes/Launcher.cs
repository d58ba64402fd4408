using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Paths;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Processes;

/// <summary>Starts processes through `runcvm-init spawn`: after fork no managed code may run, so the steps between fork
/// and exec are those of a program of its own.</summary>
internal sealed class Launcher(EventLoop loop, GuestRoot root, Setup setup, Spawner workloadSpawner)
{
    private readonly SystemdReadiness _systemd = new(loop);
    private readonly SpareSpawner _spare = new(loop);
    private readonly Dictionary<uint, OrderedProcess> _prepared = [];
    private readonly WorkloadCgroup? _cgroup = WorkloadCgroup.Create(setup);
    private SafeFileHandle? _workloadPids;
    private SafeFileHandle? _workloadMounts;
    private Task _refilling = Task.CompletedTask;

    /// <summary>The PID namespace of the workload, once that runs; of a pod, the pod's.</summary>
    internal SafeFileHandle? WorkloadPids => _workloadPids;

    /// <summary>Starts execs.</summary>
    internal SpareSpawner Spare => _spare;

    /// <summary>Gets a process ready up to just before its program, so that its start is short. Where that is not possible now, the
    /// start does all of it, and says what is wrong.</summary>
    internal void Prepare(uint id, ProcessSpec spec)
    {
        if (_workloadMounts == null || _workloadPids == null || LimitsHinderSpawning(spec) || _prepared.ContainsKey(id)) return;
        if (setup.Systemd && !_systemd.WaitAsync().IsCompleted) return;
        try
        {
            if (Order(spec, Streams(spec, isWorkload: false), isWorkload: false, held: true) is { } ordered) _prepared.Add(id, ordered);
        }
        catch (Exception e) when (e is LinuxException or IOException)
        {
            // No file or memory left for it, say: the start tries again, and reports it.
        }
    }

    /// <summary>Gives up what was prepared and never started.</summary>
    internal void Forget(uint id)
    {
        if (!_prepared.Remove(id, out OrderedProcess? ordered)) return;
        ordered.Forget();
        Refill();
    }

    /// <summary>The same for all: the machine ends, and what they hold of its file systems is to be unmounted.</summary>
    internal void ForgetAll()
    {
        foreach (OrderedProcess ordered in _prepared.Values) ordered.Forget();
        _prepared.Clear();
    }

    /// <summary>Starts the process and attaches its streams. Null when its program runs.</summary>
    internal async Task<StartFailed?> StartAsync(GuestProcess process, ProcessSpec spec)
    {
        bool isWorkload = process.Id == Start.Workload;
        if (!isWorkload && (_workloadMounts == null || _workloadPids == null)) return new StartFailed(process.Id, 125, "the container's own process is not running");
        if (!isWorkload && setup.Systemd) await _systemd.WaitAsync();
        OrderedProcess? ordered = TryRelease(process.Id) ?? OrderNow(process, spec, isWorkload);
        if (ordered == null) return new StartFailed(process.Id, 125, SpawnReport.Died);
        ordered.Streams.Attach(process);
        using (AsyncFile report = AsyncFile.NonBlocking(loop, ordered.Report))
        using (ordered.Spawner)
        {
            StartFailed? failure = await AwaitReportAsync(loop, process, ordered.Spawner, report);
            if (failure != null) return failure;
        }

        if (isWorkload)
        {
            _workloadPids = TryOpenNamespace(process, "pid");
            _workloadMounts = TryOpenNamespace(process, "mnt");
        }

        _refilling = _spare.RefillLaterAsync();
        return null;
    }

    /// <summary>Lets the workload have more or fewer processes, where they are counted.</summary>
    internal void SetProcessLimit(long processes) => _cgroup?.SetLimit(processes);

    /// <summary>Makes the next exec's start short.</summary>
    internal void Refill() => _spare.Refill();

    // Null also where the one that was held has failed: what was wrong may be right by now, and else is reported by the next attempt.
    private OrderedProcess? TryRelease(uint id)
    {
        if (!_prepared.Remove(id, out OrderedProcess? ordered)) return null;
        if (ordered.Spawner.TryRelease()) return ordered;
        ordered.Forget();
        return null;
    }

    internal static async Task<StartFailed?> AwaitReportAsync(
        EventLoop loop, GuestProcess process, Spawner spawner, AsyncFile report)
    {
        byte[] message = new byte[4096];
        int length = 0;
        for (int n; length < message.Length && (n = await report.ReadAsync(message.AsMemory(length))) > 0;) length += n;
        if (length == 0 && spawner.BecomesTheProgram)
        {
            process.Started(spawner.Process);
            return null;
        }

        // A child it has started is this process's only when it has ended itself.
        await AsyncFile.WaitForExitAsync(loop, spawner.Process);
        spawner.Process.Dispose();
        if (length == 0) return new StartFailed(process.Id, 125, SpawnReport.Died);
        if (message[0] != SpawnReport.Started)
            return new StartFailed(process.Id, message[0], Encoding.UTF8.GetString(message, 1, length - 1));
        process.Started(ChildProcess.Of(BitConverter.ToInt32(message, 1)));
        return null;
    }

    internal static SafeFileHandle? TryOpenNamespace(GuestProcess process, string name)
    {
        try
        {
            return FileDescriptor.TryOpen($"/proc/{process.ProcessId}/ns/{name}", OpenFlags.ReadOnly);
        }
        catch (LinuxException)
        {
            // It has ended already: whoever wants to join it is told that it is not running.
            return null;
        }
    }

    private OrderedProcess? OrderNow(GuestProcess process, ProcessSpec spec, bool isWorkload)
    {
        ProcessStreams streams = Streams(spec, isWorkload);
        if (isWorkload && IsOnTerminal(spec, isWorkload))
        {
            using SafeFileHandle console = root.FileAt("/dev/console");
            MountPoint.Bind(FileDescriptor.PathOf(streams.Input), FileDescriptor.PathOf(console));
            process.Hold(FileDescriptor.Duplicate(streams.Input));
        }

        return Order(spec, streams, isWorkload, held: false);
    }

    private bool IsOnTerminal(ProcessSpec spec, bool isWorkload) => spec.Terminal || (isWorkload && setup.Systemd);

    private ProcessStreams Streams(ProcessSpec spec, bool isWorkload)
        => IsOnTerminal(spec, isWorkload) ? ProcessStreams.Terminal($"{GuestRoot.Path}/dev/pts/ptmx", spec) : ProcessStreams.Pipes(spec.HasInput);

    // Null if the guest cannot even start a small program.
    private OrderedProcess? Order(ProcessSpec spec, ProcessStreams streams, bool isWorkload, bool held)
    {
        (SafeFileHandle report, SafeFileHandle reportEnd) = FileDescriptor.Pipe();
        using (reportEnd)
        {
            if (OrderSpawner(spec, streams, isWorkload, held, reportEnd) is { } spawner) return new OrderedProcess(spawner, report, streams);
        }

        report.Dispose();
        streams.Dispose();
        return null;
    }

    private Spawner? OrderSpawner(ProcessSpec spec, ProcessStreams streams, bool isWorkload, bool held, SafeFileHandle report)
    {
        if (isWorkload)
        {
            var launch = new LaunchSpec(MountAction.Make, false, held, setup.ReadOnlyRoot, setup.Init, spec)
            {
                IsPodInit = setup.IsPod,
            };
            _cgroup?.AddWorkload(workloadSpawner.Process.Id);
            return workloadSpawner.TryOrder(launch, streams.Input, streams.Output, streams.Error, report) ? workloadSpawner : null;
        }

        bool becomesTheProgram = LimitsHinderSpawning(spec);
        for (int attempt = 0; attempt < 2; attempt++)
        {
            // A spare one may have fallen victim to a guest without memory.
            Spawner spawner = becomesTheProgram ? Spawner.StartIn(_workloadPids!) : _spare.Take();
            _cgroup?.Add(spawner.Process.Id);
            var launch = new LaunchSpec(MountAction.Enter, !becomesTheProgram, held, false, false, spec);
            if (spawner.TryOrder(launch, streams.Input, streams.Output, streams.Error, report, _workloadMounts!, _workloadPids!)) return spawner;
            spawner.End();
        }

        return null;
    }

    // The program starts with its limits, and so does what starts it.
    internal static bool LimitsHinderSpawning(ProcessSpec spec)
        => spec.Limits.Any(static limit => limit.Resource is Rlimit.Data or Rlimit.Processes or Rlimit.AddressSpace);
}
