using Runcvm.Guest.Devices;
using Runcvm.Guest.Host;
using Runcvm.Guest.Modules;
using Runcvm.Guest.Network;
using Runcvm.Guest.Paths;
using Runcvm.Guest.Pods;
using Runcvm.Guest.Processes;
using Runcvm.Guest.Root;
using Runcvm.Guest.Shares;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Talk;

/// <summary>The talk with the host while the workload runs: each of its messages is dispatched to what does it, and
/// the processes that it asked for live here.</summary>
internal sealed class HostTalk(
    EventLoop loop, Multiplexer multiplexer, ControlChannel control, GuestRoot root, Setup setup, Spawner workloadSpawner,
    PortReporter ports, NetworkUpdate network, HostSockets sockets, BootTimes times)
{
    private const int Killed = 128 + SignalNumber.Kill;

    private static readonly TimeSpan PatienceWithReaders = TimeSpan.FromSeconds(2);

    private readonly Dictionary<uint, GuestProcess> _running = [];
    private readonly GuestClock _clock = new();
    private readonly List<Task> _lives = [];
    private readonly List<Task> _others = [];
    private readonly TaskCompletionSource _workloadEnded = new();
    private readonly Launcher _launcher = new(loop, root, setup, workloadSpawner);
    private PodContainers? _containers;

    /// <summary>Gets the machine ready to be saved.</summary>
    internal HeldSession? Pause { get; set; }

    private PodContainers Containers => _containers ??= setup.IsPod
        ? new PodContainers(loop, control, () => _launcher.WorkloadPids)
        : throw new WireFormatException("the host speaks of containers to a machine that is no pod");

    /// <summary>The machine's wall clock.</summary>
    internal GuestClock Clock => _clock;

    /// <summary>Serves the host until the workload has ended and its end was reported.</summary>
    internal async Task RunAsync()
    {
        Task serving = ServeAsync();
        Task first = await Task.WhenAny(serving, _workloadEnded.Task, network.Failed);
        await first;
        await EndLivesAsync();
        _launcher.ForgetAll();
    }

    // Of execs, which end with the workload: what they wrote goes to the host, but nobody who does not read it can keep the machine.
    private async Task EndLivesAsync()
    {
        using var over = new CancellationTokenSource();
        Task lives = Task.WhenAll(_lives);
        if (await Task.WhenAny(lives, loop.DelayAsync(PatienceWithReaders, over.Token)) != lives) return;
        over.Cancel();
        await lives;
    }

    private async Task ServeAsync()
    {
        while (await control.ReceiveAsync() is { } message) Dispatch(message);
        throw new InvalidDataException("the host ended the stream");
    }

    private void Dispatch(ReceivedMessage message)
    {
        switch (message.Kind)
        {
            case MessageKind.Start:
                Start start = message.Read<Start>();
                // Channels exist before any further frame is looked at.
                var process = new GuestProcess(start.Id, multiplexer, loop);
                _running[process.Id] = process;
                _lives.RemoveAll(static life => life.IsCompletedSuccessfully);
                _lives.Add(LiveAsync(process, start));
                break;
            case MessageKind.Prepare:
                Start planned = message.Read<Prepare>().Start;
                _launcher.Prepare(planned.Id, planned.Process);
                break;
            case MessageKind.Forget:
                _launcher.Forget(message.Read<Forget>().Id);
                break;
            case MessageKind.Signal:
                Signal signal = message.Read<Signal>();
                if (_running.TryGetValue(signal.Id, out GuestProcess? target)) target.Signal(Translate(signal));
                break;
            case MessageKind.Resize:
                Resize resize = message.Read<Resize>();
                if (_running.TryGetValue(resize.Id, out GuestProcess? resized)) resized.Resize(resize.Rows, resize.Columns);
                break;
            case MessageKind.Connect:
                Add(ForwardedConnection.RunAsync(loop, multiplexer, message.Read<Connect>()));
                break;
            case MessageKind.NetworkChange:
                Add(network.ApplyAsync(message.Read<NetworkChange>()));
                break;
            case MessageKind.SocketDialled:
                sockets.Dialled(message.Read<SocketDialled>());
                break;
            case MessageKind.ReadKernelLog:
                Add(control.SendAsync(KernelMessages.Read(message.Read<ReadKernelLog>().Id)));
                break;
            case MessageKind.AddContainer:
                Add(Containers.AddAsync(message.Read<AddContainer>()));
                break;
            case MessageKind.RemoveContainer:
                Add(Containers.RemoveAsync(message.Read<RemoveContainer>()));
                break;
            case MessageKind.Change:
                Add(Containers.ChangeAsync(message.Read<Change>()));
                break;
            case MessageKind.LoseShares:
                PodContainers.Lose(message.Read<LoseShares>());
                break;
            case MessageKind.Flush:
                Add(FlushAsync(message.Read<Flush>().Id));
                break;
            case MessageKind.Hold:
                message.Read<Hold>();
                Add(Pause!.BeginAsync());
                break;
            case MessageKind.Adopt:
                Add(Pause!.AdoptAsync(message.Read<Adopt>()));
                break;
            case MessageKind.Adjust:
                ApplyAdjustment(message.Read<Adjust>());
                break;
            default:
                throw new WireFormatException(
                    $"the host sent message {(byte)message.Kind}, which this guest does not know");
        }
    }

    /// <summary>The host that asked for them is not this machine's: what it had started beside the workload ends, and
    /// nobody is told.</summary>
    internal void ForgetOthers()
    {
        _launcher.ForgetAll();
        foreach (GuestProcess process in _running.Values.Where(static process => process.Id != Start.Workload))
            process.Forget();
    }

    private Task ReportAsync<T>(GuestProcess process, T message)
        where T : IMessage<T>
        => process.IsForgotten ? Task.CompletedTask : control.SendAsync(message);

    private async Task FlushAsync(uint request)
    {
        await DiskFlush.RunAsync();
        await control.SendAsync(new Flushed(request));
    }

    private void ApplyAdjustment(Adjust adjust)
    {
        if (adjust.Clock > 0) _clock.CatchUp(adjust.Clock);
        if (adjust.ProcessLimit != 0) _launcher.SetProcessLimit(adjust.ProcessLimit);
        // With everything built in it is there, and this finds nothing to do.
        if (adjust.UsesBalloon && Modprobe.Run(["-q", "virtio_balloon"]) != 0 && !Directory.Exists("/sys/bus/virtio/drivers/virtio_balloon"))
        {
            const string NoDriver = "the guest's kernel has no driver virtio_balloon: its memory stays as it is";
            Add(control.SendAsync(new Notice(NoDriver)));
        }
    }

    // Not among the lives that the end waits for: a connection ends with whoever listens.
    private void Add(Task other)
    {
        _others.RemoveAll(static task => task.IsCompleted);
        _others.Add(other);
    }

    // systemd re-executes itself on SIGTERM; SIGRTMIN+3 is its "halt". systemd(1), SIGNALS.
    private int Translate(Signal signal)
        => setup.Systemd && signal.Id == Start.Workload && signal.Number == SignalNumber.Terminate ? SignalNumber.RealTimePlus3 : signal.Number;

    private Task<StartFailed?> StartAsync(GuestProcess process, Start start)
    {
        if (start.Container == 0) return _launcher.StartAsync(process, start.Process);
        if (Containers.Find(start.Container) is not { } container)
            return Task.FromResult<StartFailed?>(new StartFailed(start.Id, 125, "the container is not there any more"));
        return start.Container == start.Id ? container.StartAsync(process)
            : container.JoinAsync(process, start.Process, _launcher.Spare);
    }

    // When its first process ends, so do the others.
    private async Task<bool> EndContainerAsync(Start start)
        => start.Container == start.Id
            && Containers.Find(start.Container) is { } container && await container.EndAsync();

    // The containers of a pod have roots of their own, and the kernel is nobody's. One that has lost capabilities
    // would get them back: what the kernel starts has them all.
    private bool StartsForTheKernel(Start start) => !setup.IsPod
        && new CapabilitySet(start.Process.Capabilities.Bounding).Contains(CapabilitySet.Full);

    private async Task LiveAsync(GuestProcess process, Start start)
    {
        try
        {
            StartFailed? failure = await StartAsync(process, start);
            if (failure != null)
            {
                await process.OutputDrainedAsync();
                process.Abandon();
                if (failure.Message != StartException.SaidItself) await ReportAsync(process, failure);
                else await ReportAsync(process, new Exited(process.Id, failure.Code));
                return;
            }

            ports.Hurry();
            await ReportAsync(process, new Started(process.Id));
            if (process.Id == Start.Workload)
            {
                times.Done("workload started");
                await control.SendAsync(new Notice(times.ToString(), IsDetail: true));
                if (StartsForTheKernel(start) && UserModePrograms.Show(process.ProcessId) is { } lack)
                    await control.SendAsync(new Notice(lack));
            }

            int code = await process.WaitAsync();
            bool isWorkload = process.Id == Start.Workload;
            bool ranOut = await EndContainerAsync(start);
            if (isWorkload) await process.OutputEndedAsync();
            else await process.OutputDrainedAsync();
            bool isOutOfMemory = code == Killed && (ranOut || (isWorkload && KernelMessages.ShowMemoryShortage()));
            await ReportAsync(process, new Exited(process.Id, (byte)code, isOutOfMemory));
            if (isWorkload) return;
            _launcher.Refill();
            await process.OutputEndedAsync();
        }
        catch (Exception e) when (e is LinuxException or IOException)
        {
            process.Abandon();
            await ReportAsync(process, new StartFailed(process.Id, 125, e.Message));
        }
        catch (ChannelClosedException) when (multiplexer.IsBroken)
        {
            // The host is gone; RunAsync finds out by itself.
        }
        finally
        {
            // Its number may be another one's by now.
            if (_running.GetValueOrDefault(process.Id) == process) _running.Remove(process.Id);
            if (process.Id == Start.Workload) _workloadEnded.TrySetResult();
        }
    }
}
