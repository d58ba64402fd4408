using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Processes;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Pods;

/// <summary>A container of the pod: its first process is got ready, started, and joined by others.</summary>
internal sealed class PodContainer : IDisposable
{
    private readonly EventLoop _loop;
    private readonly ContainerSetup _setup;
    private readonly ContainerCgroup _cgroup;
    private Spawner? _spawner;
    private ProcessStreams? _streams;
    private AsyncFile? _report;
    private bool _began;

    // Of mounts, processes and cgroups, once the program runs.
    private SafeFileHandle[] _namespaces = [];

    internal PodContainer(EventLoop loop, uint id, ContainerSetup setup)
    {
        _loop = loop;
        _setup = setup;
        Id = id;
        _cgroup = new ContainerCgroup(id, setup.Limits);
        Node.MakeDirectory(Terminals);
        MountPoint.Add("devpts", Terminals, "devpts", MountFlags.NoSuid | MountFlags.NoExec,
            "newinstance,ptmxmode=0666,mode=0620,gid=5");
    }

    internal uint Id { get; }

    /// <summary>Its PID namespace; null where its program does not run.</summary>
    internal SafeFileHandle? Pids => _namespaces is [_, SafeFileHandle pids, _] ? pids : null;

    private string Terminals => ContainerRoot.TerminalsOf(Id);

    /// <summary>Gets the first process ready up to just before its program. Null when it waits there.</summary>
    /// <param name="pids">the PID namespace that it shares with others, where it does</param>
    internal async Task<StartFailed?> PrepareAsync(SafeFileHandle? pids)
    {
        bool isShared = _setup.SharesProcesses || _setup.ProcessesOf != 0;
        if (isShared && pids == null)
            return Failure(125, "the container whose processes are to be seen is not running");
        _streams = Streams(_setup.Process);
        _spawner = isShared ? Spawner.StartIn(pids!) : Spawner.StartInNewNamespace();
        _cgroup.Add(_spawner.Process.Id);
        (SafeFileHandle report, SafeFileHandle reportEnd) = FileDescriptor.Pipe();
        _report = AsyncFile.NonBlocking(_loop, report);
        using (reportEnd)
        {
            var launch = new LaunchSpec(MountAction.Make, false, Held: true, false, false, _setup.Process)
            {
                // What is long in it is said once.
                Container = _setup with
                {
                    Process = _setup.Process with { Arguments = [], Environment = [] },
                    Filter = [],
                },
                ContainerNumber = Id,
                Filter = _setup.Filter,
            };
            if (!_spawner.TryOrder(launch, _streams.Input, _streams.Output, _streams.Error, reportEnd))
                return Failure(125, SpawnReport.Died);
        }

        byte[] message = new byte[4096];
        if (await _report.ReadAsync(message.AsMemory(0, 1)) == 0) return Failure(125, SpawnReport.Died);
        if (message[0] == SpawnReport.Ready) return null;
        int length = 1;
        for (int n; length < message.Length && (n = await _report.ReadAsync(message.AsMemory(length))) > 0;)
            length += n;
        return Failure(message[0], Encoding.UTF8.GetString(message, 1, length - 1));
    }

    /// <summary>Lets the first process go on. Null when its program runs.</summary>
    internal async Task<StartFailed?> StartAsync(GuestProcess process)
    {
        if (_spawner == null || _streams == null || _report == null || !_spawner.TryRelease())
            return Failure(125, "the container cannot be started: it was never ready, or has ended");
        _began = true;
        _streams.Attach(process);
        _streams = null;
        using (_spawner)
        using (_report)
        {
            StartFailed? failure = await Launcher.AwaitReportAsync(_loop, process, _spawner, _report);
            if (failure != null) return failure;
        }

        SafeFileHandle?[] namespaces =
            [.. ((string[])["mnt", "pid", "cgroup"]).Select(name => Launcher.TryOpenNamespace(process, name))];
        // Where one is missing it has ended already.
        _namespaces = [.. namespaces.OfType<SafeFileHandle>()];
        return null;
    }

    /// <summary>Starts a process beside the first one. Null when its program runs.</summary>
    internal async Task<StartFailed?> JoinAsync(GuestProcess process, ProcessSpec spec, SpareSpawner spare)
    {
        if (_namespaces is not [SafeFileHandle mounts, SafeFileHandle pids, SafeFileHandle cgroups])
            return new StartFailed(process.Id, 125, "the container is not running");
        ProcessStreams streams = Streams(spec);
        Spawner? spawner = null;
        try
        {
            (SafeFileHandle report, SafeFileHandle reportEnd) = FileDescriptor.Pipe();
            using AsyncFile reading = AsyncFile.NonBlocking(_loop, report);
            using (reportEnd)
            {
                SafeFileHandle[] files =
                    [streams.Input, streams.Output, streams.Error, reportEnd, mounts, pids, cgroups];
                spawner = Order(spec, spare, pids, files);
            }

            if (spawner == null) return new StartFailed(process.Id, 125, SpawnReport.Died);
            using (spawner)
            {
                streams.Attach(process);
                return await Launcher.AwaitReportAsync(_loop, process, spawner, reading);
            }
        }
        finally
        {
            if (spawner == null) streams.Dispose();
        }
    }

    /// <summary>Gives it other limits, has it stand still or go on.</summary>
    internal async Task ChangeAsync(ContainerChange change)
    {
        _cgroup.Limit(change.Limits);
        if (change.Motion != Motion.Keep) await _cgroup.FreezeAsync(_loop, change.Motion == Motion.Stand);
    }

    /// <summary>Kills those that are left, and waits for their end.</summary>
    /// <returns>whether the container had used up its memory</returns>
    internal async Task<bool> EndAsync()
    {
        _cgroup.Kill();
        await _cgroup.EmptyAsync(_loop);
        return _cgroup.RanOutOfMemory();
    }

    /// <summary>Gives up all that it has. Its processes have ended.</summary>
    public void Dispose()
    {
        foreach (SafeFileHandle file in _namespaces) file.Dispose();
        _namespaces = [];
        _streams?.Dispose();
        _report?.Dispose();
        // One that began is waited for where its end is told.
        if (!_began) _spawner?.End();
        MountPoint.TryDetach(Terminals);
        Directory.Delete(Terminals);
        _cgroup.Remove();
    }

    // Null if the machine cannot even start a small program.
    private Spawner? Order(ProcessSpec spec, SpareSpawner spare, SafeFileHandle pids, SafeFileHandle[] files)
    {
        // A filter may refuse what starts a child.
        bool becomesTheProgram = Launcher.LimitsHinderSpawning(spec) || _setup.Filter.Length > 0;
        var launch = new LaunchSpec(MountAction.Enter, !becomesTheProgram, false, false, false, spec)
        {
            Filter = _setup.Filter,
        };
        for (int attempt = 0; attempt < 2; attempt++)
        {
            // A spare one may have fallen victim to a machine without memory.
            Spawner spawner = becomesTheProgram ? Spawner.StartIn(pids) : spare.Take();
            bool isOrdered = false;
            try
            {
                _cgroup.Add(spawner.Process.Id);
                isOrdered = spawner.TryOrder(launch, files);
                if (isOrdered) return spawner;
            }
            finally
            {
                if (!isOrdered) spawner.End();
            }
        }

        return null;
    }

    private ProcessStreams Streams(ProcessSpec spec)
    {
        if (spec.Terminal) return ProcessStreams.Terminal(Terminals + "/ptmx", spec);
        using SafeFileHandle nothing = FileDescriptor.Open(PodGround.Nothing, OpenFlags.ReadWrite);
        return ProcessStreams.Pipes(spec.HasInput, nothing);
    }

    private StartFailed Failure(byte code, string message) => new(Id, code, message);
}
