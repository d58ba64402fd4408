using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Boot;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Terminals;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Processes;

/// <summary>Starts processes through `runcvm-init spawn`: after fork no managed code may run, so the steps between fork
/// and exec are those of a program of its own.</summary>
internal sealed class Launcher(EventLoop loop, GuestRoot root, Setup setup, Spawner workloadSpawner)
{
    private readonly SystemdReadiness _systemd = new(loop);
    private readonly SpareSpawner _spare = new(loop);
    private readonly WorkloadCgroup? _cgroup = WorkloadCgroup.Create(setup);
    private SafeFileHandle? _workloadPids;
    private SafeFileHandle? _workloadMounts;
    private Task _refilling = Task.CompletedTask;

    /// <summary>Starts the process and attaches its streams. Null when its program runs.</summary>
    internal async Task<StartFailed?> StartAsync(GuestProcess process, ProcessSpec spec)
    {
        bool isWorkload = process.Id == Start.Workload;
        if (!isWorkload && (_workloadMounts == null || _workloadPids == null)) return new StartFailed(process.Id, 125, "the container's own process is not running");
        if (!isWorkload && setup.Systemd) await _systemd.WaitAsync();
        (SafeFileHandle report, SafeFileHandle reportEnd) = FileDescriptor.Pipe();
        using AsyncFile reportFile = AsyncFile.NonBlocking(loop, report);
        Spawner? spawner;
        using (reportEnd)
        {
            spawner = spec.Terminal || (isWorkload && setup.Systemd)
                ? StartWithTerminal(process, spec, isWorkload, reportEnd)
                : StartWithPipes(process, spec, isWorkload, reportEnd);
        }

        if (spawner == null) return new StartFailed(process.Id, 125, SpawnedProcess.Died);
        using (spawner)
        {
            StartFailed? failure = await AwaitReportAsync(process, spawner, reportFile);
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

    private async Task<StartFailed?> AwaitReportAsync(GuestProcess process, Spawner spawner, AsyncFile report)
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
        if (length == 0) return new StartFailed(process.Id, 125, SpawnedProcess.Died);
        if (message[0] != SpawnedProcess.Started)
            return new StartFailed(process.Id, message[0], Encoding.UTF8.GetString(message, 1, length - 1));
        process.Started(ChildProcess.Of(BitConverter.ToInt32(message, 1)));
        return null;
    }

    private static SafeFileHandle? TryOpenNamespace(GuestProcess process, string name)
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

    private Spawner? StartWithPipes(GuestProcess process, ProcessSpec spec, bool isWorkload, SafeFileHandle report)
    {
        (SafeFileHandle inRead, SafeFileHandle inWrite) = FileDescriptor.Pipe();
        (SafeFileHandle outRead, SafeFileHandle outWrite) = FileDescriptor.Pipe();
        (SafeFileHandle errRead, SafeFileHandle errWrite) = FileDescriptor.Pipe();
        using (inRead)
        using (outWrite)
        using (errWrite)
        {
            using SafeFileHandle? nothing = spec.HasInput ? null : FileDescriptor.Open("/dev/null", OpenFlags.ReadOnly);
            Spawner? spawner = Order(spec, isWorkload, report, nothing ?? inRead, outWrite, errWrite);
            process.Attach(inWrite, outRead, errRead);
            return spawner;
        }
    }

    private Spawner? StartWithTerminal(GuestProcess process, ProcessSpec spec, bool isWorkload, SafeFileHandle report)
    {
        (SafeFileHandle master, SafeFileHandle slave) = PseudoTerminal.Open($"{GuestRoot.Path}/dev/pts/ptmx");
        using (slave)
        {
            if (spec.Terminal && spec.Rows > 0) PseudoTerminal.SetSize(master, spec.Rows, spec.Columns);
            // A console that ends in `docker logs` keeps its line ends as the program wrote them.
            if (!spec.Terminal) PseudoTerminal.KeepLineEnds(slave);
            if (isWorkload)
            {
                using SafeFileHandle console = root.FileAt("/dev/console");
                MountPoint.Bind(FileDescriptor.PathOf(slave), FileDescriptor.PathOf(console));
                process.Hold(FileDescriptor.Duplicate(slave));
            }

            Spawner? spawner = Order(spec, isWorkload, report, slave, slave, slave);
            process.AttachTerminal(master, takesInput: spec.Terminal);
            return spawner;
        }
    }

    // Null if the guest cannot even start a small program.
    private Spawner? Order(
        ProcessSpec spec, bool isWorkload, SafeFileHandle report, SafeFileHandle input, SafeFileHandle output, SafeFileHandle error)
    {
        if (isWorkload)
        {
            var launch = new LaunchSpec(MountAction.Make, false, setup.ReadOnlyRoot, setup.Init, spec);
            _cgroup?.Add(workloadSpawner.Process.Id);
            return workloadSpawner.TryOrder(launch, input, output, error, report) ? workloadSpawner : null;
        }

        bool becomesTheProgram = LimitsHinderSpawning(spec);
        for (int attempt = 0; attempt < 2; attempt++)
        {
            // A spare one may have fallen victim to a guest without memory.
            Spawner spawner = becomesTheProgram ? Spawner.StartIn(_workloadPids!) : _spare.Take();
            _cgroup?.Add(spawner.Process.Id);
            var launch = new LaunchSpec(MountAction.Enter, !becomesTheProgram, false, false, spec);
            if (spawner.TryOrder(launch, input, output, error, report, _workloadMounts!, _workloadPids!)) return spawner;
            spawner.End();
        }

        return null;
    }

    // The program starts with its limits, and so does what starts it.
    private static bool LimitsHinderSpawning(ProcessSpec spec)
        => spec.Limits.Any(static limit => limit.Resource is Rlimit.Data or Rlimit.Processes or Rlimit.AddressSpace);
}
