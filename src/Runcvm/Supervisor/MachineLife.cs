using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using Microsoft.Win32.SafeHandles;
using Runcvm.Brokering;
using Runcvm.Egress;
using Runcvm.FileServing;
using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Machines;
using Runcvm.Network;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Sandbox.SystemCalls;
using Runcvm.Syntax;

namespace Runcvm.Supervisor;

/// <summary>One machine from the start of its hypervisor to the exit code of its workload.</summary>
/// <param name="loop">runs all of it</param>
/// <param name="description">what `create` decided</param>
/// <param name="network">the container's, led into taps</param>
/// <param name="policies">of what the machine may reach, as `create` loaded them; none leaves it open</param>
/// <param name="networkEvents">become readable when something of the container's network may have changed</param>
/// <param name="hypervisor">the compartment in which the hypervisor runs</param>
/// <param name="timeline">where the time of the start goes</param>
/// <param name="shares">serves the files of the host that the machine gets, if any</param>
/// <param name="broker">does what takes a capability, if anything does</param>
/// <param name="control">where it is asked: the listening socket that `create` made</param>
/// <param name="pod">where a pod's containers come in: another such socket</param>
/// <param name="saved">what it goes on from, if it does</param>
internal sealed class MachineLife(
    EventLoop loop, MachineDescription description, SandboxNetwork network, IReadOnlyList<EgressPrograms> policies,
    SafeFileHandle networkEvents, UserThread hypervisor, Timeline timeline, FileServerProcess? shares,
    BrokerProcess? broker, SafeFileHandle control, SafeFileHandle? pod, SavedStart? saved)
{
    private static readonly TimeSpan PatienceWithDead = TimeSpan.FromSeconds(2);

    private readonly MachineLog _log = new(description.LogLevel);
    private readonly LastWords _words = new();
    private readonly GuestLink _link = new(new Multiplexer());
    private readonly Stopwatch _sinceStart = new();
    private Task _serversFailed = BootWatch.Never;
    private BootTurn? _turn;
    private NameGuard? _names;

    internal async Task<int> RunAsync()
    {
        foreach (string notice in description.Notices) _log.Info(notice);
        timeline.Ended(BootSteps.Network);
        using var signals = new AsyncFile(loop, SignalSet.OpenForwarded());
        var workload = new Workload(loop, _link);
        Task forwarding = workload.ForwardSignalsAsync(signals);
        // A kernel that was saved has measured its timer long ago.
        if (!description.Hardware.UseKvm && saved == null)
        {
            Task turn = TakeTurnAsync();
            if (await Task.WhenAny(turn, workload.Stopped) != turn)
            {
                signals.Dispose();
                await forwarding;
                return StoppedBy(await workload.Stopped);
            }

            await turn;
        }

        _sinceStart.Start();
        using IMachine machine = await StartAsync();
        (SafeFileHandle? ours, SafeFileHandle? theirs) = pod == null ? default : UnixSocket.Pair();
        using PassingRoots? roots = ours == null ? null : new PassingRoots(loop, ours);
        _serversFailed = ServersFailedAsync(machine, theirs);
        LogTime("the hypervisor's program was started");
        Task others = Task.WhenAll(
            _words.ListenAsync(machine, description.KernelDebug ? MachineLog.Copy : null),
            forwarding,
            ForwardQuestionsAsync(),
            WatchDisksAsync(machine, workload));
        try
        {
            return await RunAsync(machine, workload, roots);
        }
        finally
        {
            if (_turn != null) await _turn.DisposeAsync();
            machine.Kill();
            await machine.Exited;
            LogTime("the hypervisor has ended");
            signals.Dispose();
            // There may never have been a stream, whose end would say so.
            _link.Multiplexer.Break(new ChannelClosedException("the machine has ended"));
            await others;
        }
    }

    private Task WatchDisksAsync(IMachine machine, Workload workload)
        => machine is not IReportsDiskErrors reporting ? Task.CompletedTask
            : new DiskWatch(loop, reporting, () => SetClockAsync(workload), MachineLog.Error).RunAsync();

    private Task<IMachine> StartAsync()
    {
        IMachine? machine = MachineStart.Start(loop, description, network, hypervisor, saved, out WarmBoot? warm);
        // The hypervisor has its own; nothing that it or the guest says was read yet.
        SystemCallFilter.Of(SupervisorCalls.List).Install(allThreads: true);
        broker?.AwaitReady();
        return warm == null ? Task.FromResult(machine!) : warm.ChooseAsync(_log.Info, TakeTurnAsync);
    }

    // Nothing boots in place of a machine that was to go on with what ran in another.
    private async Task LoadAsync(IMachine machine)
    {
        using var over = new CancellationTokenSource();
        Task late = loop.DelayAsync(TimeSpan.FromSeconds(description.BootTimeout), over.Token);
        Task loading = ((ISavable)machine).LoadAsync();
        try
        {
            if (await Task.WhenAny(loading, late) == late) throw new UsageException("QEMU did not load it in time");
            await loading;
        }
        catch (Exception e) when (e is UsageException or Linux.LinuxException)
        {
            // What QEMU says of it comes with its end.
            await Task.WhenAny(machine.Exited, loop.DelayAsync(PatienceWithDead));
            throw new UsageException(
                $"{description.Moment} could not be loaded: {Reason.Of(e)}{_words.OfErrors(machine)}", e);
        }

        over.Cancel();
        LogTime("its memory was loaded");
        _link.Multiplexer.SpeakAgain(isNew: true);
    }

    private async Task TakeTurnAsync()
    {
        _turn = await BootTurn.TakeAsync(loop, TimeSpan.FromSeconds(description.TurnPatience));
        timeline.Ended(BootSteps.Turn);
    }

    private async Task<int> RunAsync(IMachine machine, Workload workload, PassingRoots? roots)
    {
        var limits = new RunningLimits(machine, _link, description, workload.Started);
        var answers = new ControlAnswers(_words.Console, timeline, _link, workload.Started, limits) { Names = Names };
        var saving = new MachineSaving(machine, _link, workload.Started);
        var session = new GuestSession(loop, description, _link, workload, answers, timeline, _sinceStart, _log)
        {
            Saving = saving,
        };
        Task pump = PumpAsync(machine);
        try
        {
            using PodServer? containers = pod == null ? null
                : new PodServer(loop, _link, _log, workload.Started, new PodShares(roots!, _link), pod);
            using var server = new ControlServer(loop, _link, _log, workload.Started, answers, control)
            {
                Pod = containers,
                Signal = workload.SignalAsync,
                Saving = saving,
            };
            Task serving = Task.WhenAll(server.RunAsync(), containers?.RunAsync() ?? Task.CompletedTask);
            BeginAsync(limits).OnFailure(Tell);
            if (description.IsClone) await LoadAsync(machine);
            int? code = await AwaitHelloAsync(machine, session, workload, pump);
            _turn?.Dispose();
            if (code == null)
            {
                // Not awaited: the answer is a round trip in which the workload could be on its way.
                Task endsAtReset = machine is IResettable resettable
                    ? resettable.EndAtResetAsync() : Task.CompletedTask;
                code = await EndAsync(ServeAsync(machine, session, server), endsAtReset);
            }

            server.Dispose();
            containers?.Dispose();
            await serving;
            if (code != null) return code.Value;
            // The stream ended, or was ended, before the guest said that it was done.
            ThrowIfProtocolBroken();
        }
        catch (WireFormatException e)
        {
            throw new UsageException($"the guest broke the protocol and was stopped: {e.Message}", e);
        }

        throw await _words.OfDeadAsync(loop, machine);
    }

    private int StoppedBy(int signal)
    {
        _log.Info($"signal {signal} came while the machine's kernel booted, and ended it");
        return ExitStatus.ShellCodeOf(signal);
    }

    // Fails with the first of those that the machine cannot go on without.
    private Task ServersFailedAsync(IMachine machine, SafeFileHandle? roots) => Task.WhenAny(
        shares?.ServeAsync(loop, (machine as IFileDevice)?.FileDevice, machine.Shares!, roots) ?? BootWatch.Never,
        broker?.FailedAsync(loop) ?? BootWatch.Never).Unwrap();

    // A guest that stood still does not know for how long. One that has not started its workload yet gets the time with its set-up.
    private Task SetClockAsync(Workload workload)
        => workload.Started.IsCompletedSuccessfully
            ? _link.SendAsync(new Adjust(Linux.Machine.Clock)) : Task.CompletedTask;

    private static async Task BeginAsync(RunningLimits limits)
    {
        string failure = await limits.BeginAsync();
        if (failure.Length > 0) MachineLog.Error(failure);
    }

    // Of what goes on beside the workload, which lives on without it. The machine's own end is told elsewhere.
    private static void Tell(Exception failure)
    {
        if (failure is not ChannelClosedException) MachineLog.Error(Reason.Of(failure));
    }

    // Not by waiting for the pump: that reads until the guest sends more, or dies.
    private void ThrowIfProtocolBroken()
    {
        if (_link.Multiplexer.Failure is WireFormatException broken) throw broken;
    }

    private async Task PumpAsync(IMachine machine)
    {
        try
        {
            AsyncFile stream = await machine.Stream;
            await _link.Multiplexer.RunAsync(stream.ReadAsync, stream.WriteAsync);
        }
        catch (Exception e)
        {
            // Also where there never was a stream: whoever waits for the guest's first word must learn of it.
            _link.Multiplexer.Break(e);
            throw;
        }
    }

    // Without the files that it was given the workload cannot go on: a server that fails ends the machine. So does a hypervisor that will not
    // end with its guest.
    private async Task<int?> EndAsync(Task<int?> serving, Task endsAtReset)
    {
        Task first = await Task.WhenAny(serving, _serversFailed, endsAtReset);
        if (first == endsAtReset)
        {
            await endsAtReset;
            first = await Task.WhenAny(serving, _serversFailed);
        }

        if (first == _serversFailed) await _serversFailed;
        return await serving;
    }

    // Gives the container's code where that is known already.
    private async Task<int?> AwaitHelloAsync(IMachine machine, GuestSession session, Workload workload, Task pump)
    {
        Task<ReceivedMessage?> hello = session.ReceiveAsync();
        Task over = Task.WhenAny(_serversFailed, workload.Stopped).Unwrap();
        await new BootWatch(loop, description, machine, _words, timeline, _log).AwaitAsync(hello, pump, over);
        if (workload.Stopped.IsCompleted) return StoppedBy(await workload.Stopped);
        if (await hello is { } message)
        {
            workload.ExpectGuest();
            session.TakeHello(message);
            return null;
        }

        ThrowIfProtocolBroken();
        throw await _words.OfDeadAsync(loop, machine);
    }

    private async Task<int?> ServeAsync(IMachine machine, GuestSession session, ControlServer control)
    {
        Setup setup = MachineStart.Setup(machine, network, guardsNames: policies.Count > 0);
        if (network.Shared != null && ProvidedFiles.UnreachableNameserver(setup.Files) is { } nameserver)
            MachineLog.Error($"names will not resolve: the nameserver {nameserver} answers on the host alone, whose loopback addresses a machine does not have; name another one with --dns");
        if (policies.Count > 0 && network.Interfaces.Count > 0 && Nameserver() == null)
            MachineLog.Error(
                "names will not resolve: RUNCVM_EGRESS asks a nameserver of IPv4, and the engine gave none");
        var own = new OwnAddresses();
        using NetworkFollower? follower = network.Spares.Count == 0 ? null : new NetworkFollower(
            loop, _link, networkEvents, broker!.Network(loop), setup, policies.Count > 0, own.Forget, _log);
        // Ends with the machine.
        follower?.RunAsync().OnFailure(Tell);
        bool isShared = network.Shared != null;
        using var ports = new PortRelay(
            loop, _link, network.TryListen, keepsPorts: isShared,
            isShared ? static _ => true : own.Has, _log);
        SocketDialler? sockets = description.Sockets.Count == 0 ? null
            : new SocketDialler(loop, description.Sockets, broker!, _log);
        return await session.RunAsync(setup, control, ports, sockets);
    }

    // Whether the container asks Docker's nameserver may change with its networks.
    private async Task ForwardQuestionsAsync()
    {
        Channel channel = _link.Multiplexer.Open(Start.DnsChannel);
        try
        {
            await new DnsForwarder(loop, Nameserver, channel.WriteAsync, Names).RunAsync(channel.ReadAsync);
        }
        catch (ChannelClosedException)
        {
            // The machine has ended.
        }
        catch (WireFormatException e)
        {
            _link.Multiplexer.Break(e);
        }
        catch (Exception e)
        {
            // The machine goes on, and its end is its workload's.
            MachineLog.Error($"names are not answered any more: {Reason.Of(e)}");
        }
    }

    private NameGuard? Names => _names ??= policies.Count == 0 ? null : new NameGuard(
        [.. policies.Zip(description.Egress, static (programs, text) =>
            (EgressPolicy.Parse(new OptionText("RUNCVM_EGRESS", text))!, new PinTable(programs.Pins)))],
        OwnNetworks.HasNeighbour, _log.Info);

    // Without a policy only questions to Docker's come this way; with one all do, whoever the engine named.
    private IPv4End? Nameserver()
    {
        const ushort DnsPort = 53;
        if (policies.Count == 0) return new IPv4End(network.Nameserver, DnsPort);
        if (ProvidedFiles.Nameserver() is not { } named) return null;
        bool isDockers = IPAddress.IsLoopback(named);
        return new IPv4End(isDockers ? network.Nameserver
            : BinaryPrimitives.ReadUInt32BigEndian(named.GetAddressBytes()), DnsPort);
    }

    private void LogTime(string what) => _log.Debug($"{what}, {_sinceStart.ElapsedMilliseconds} ms after the hypervisor's start");
}
