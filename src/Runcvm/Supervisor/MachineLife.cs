using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Machines;
using Runcvm.Network;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>One machine from the start of its hypervisor to the exit code of its workload.</summary>
/// <param name="loop">runs all of it</param>
/// <param name="description">what `create` decided</param>
/// <param name="network">the container's, led into taps</param>
/// <param name="watch">sees what becomes of the container's network, if that can change</param>
/// <param name="user">what the hypervisor runs as, where that is not this process's user</param>
/// <param name="timeline">where the time of the start goes</param>
/// <param name="shares">serves the files of the host that the machine gets, if any</param>
/// <param name="capable">connects to sockets of the host, if any are forwarded</param>
internal sealed class MachineLife(
    EventLoop loop, MachineDescription description, SandboxNetwork network, NetworkWatch? watch, UserThread? user, Timeline timeline, ShareServer? shares,
    UserThread? capable)
{
    private readonly MachineLog _log = new(description.LogLevel);
    private readonly LastWords _words = new();
    private readonly Queue<int> _earlySignals = new();
    private Observation? _observation;
    private ProcessSession? _workload;
    private Task _relays = Task.CompletedTask;
    private Task _dns = Task.CompletedTask;
    private readonly TaskCompletionSource _workloadStarted = new();
    private long _started;

    internal async Task<int> RunAsync()
    {
        foreach (string notice in description.Notices) _log.Info(notice);
        timeline.Ended(BootSteps.Network);
        using BootTurn? turn = description.UseKvm ? null : await BootTurn.TakeAsync(loop);
        if (!description.UseKvm) timeline.Ended(BootSteps.Turn);
        _started = System.Diagnostics.Stopwatch.GetTimestamp();
        using var signals = new AsyncFile(loop, SignalSet.OpenForwarded());
        using IMachine machine = MachineStart.Start(loop, description, network, user);
        if (shares != null) _ = shares.ServeAsync(machine.FileDevice, machine.Shares!);
        LogTime("the hypervisor's program was started");
        Task words = _words.ListenAsync(machine, description.KernelDebug ? MachineLog.Copy : null);
        Task forwarding = ForwardSignalsAsync(signals);
        try
        {
            return await RunAsync(machine, turn);
        }
        finally
        {
            machine.Kill();
            await machine.Exited;
            LogTime("the hypervisor has ended");
            signals.Dispose();
            await Task.WhenAll(words, forwarding, _dns);
        }
    }

    private async Task<int> RunAsync(IMachine machine, BootTurn? turn)
    {
        var link = new GuestLink(new Multiplexer());
        var limits = new RunningLimits(machine, link, description, _workloadStarted.Task);
        _observation = new Observation(_words.Console, timeline, link, _workloadStarted.Task, limits);
        Task pump = PumpAsync(machine, link);
        try
        {
            using var control = new ControlServer(loop, link, _log, _workloadStarted.Task, _observation, MachineFolder.InSandbox.ControlSocket);
            Task serving = control.RunAsync();
            _ = BeginAsync(limits);
            await AwaitHelloAsync(machine, link, pump);
            turn?.Dispose();
            await machine.EndAtResetAsync();
            int? code = await EndAsync(ServeAsync(machine, link, control));
            control.Dispose();
            await serving;
            if (code != null) return code.Value;
            // The stream ended, or was ended, before the guest said that it was done.
            ThrowIfProtocolBroken(link);
        }
        catch (WireFormatException e)
        {
            throw new UsageException($"the guest broke the protocol and was stopped: {e.Message}", e);
        }

        throw await _words.OfDeadAsync(loop, machine);
    }

    private static async Task BeginAsync(RunningLimits limits)
    {
        string failure = await limits.BeginAsync();
        if (failure.Length > 0) MachineLog.Error(failure);
    }

    // Not by waiting for the pump: that reads until the guest sends more, or dies.
    private static void ThrowIfProtocolBroken(GuestLink link)
    {
        if (link.Multiplexer.Failure is WireFormatException broken) throw broken;
    }

    private static async Task PumpAsync(IMachine machine, GuestLink link)
    {
        try
        {
            AsyncFile stream = await machine.Stream;
            await link.Multiplexer.RunAsync(stream.ReadAsync, stream.WriteAsync);
        }
        catch (Exception e)
        {
            // Also where there never was a stream: whoever waits for the guest's first word must learn of it.
            link.Multiplexer.Break(e);
            throw;
        }
    }

    // Without the files that it was given the workload cannot go on: a server that fails ends the machine.
    private async Task<int?> EndAsync(Task<int?> serving)
    {
        if (shares != null && await Task.WhenAny(serving, shares.Failed) == shares.Failed) await shares.Failed;
        return await serving;
    }

    private async Task AwaitHelloAsync(IMachine machine, GuestLink link, Task pump)
    {
        Task<(MessageKind Kind, byte[] Body)?> hello = ReceiveAsync(link);
        await new BootWatch(loop, description, machine, _words, timeline, _log).AwaitAsync(hello, pump);
        if (await hello is var (kind, body))
        {
            CheckHello(kind, body);
            return;
        }

        ThrowIfProtocolBroken(link);
        throw await _words.OfDeadAsync(loop, machine);
    }

    private void CheckHello(MessageKind kind, byte[] body)
    {
        if (kind != MessageKind.Hello) throw new WireFormatException($"it began with message {(byte)kind}");
        var reader = new WireReader(body);
        Hello hello = Hello.Read(ref reader);
        if (hello.Version != Hello.CurrentVersion)
        {
            throw new UsageException(
                $"runcvm speaks version {Hello.CurrentVersion} of its protocol and runcvm-init version {hello.Version}; install both from one build (runcvm install)");
        }

        BootSteps.AddHello(timeline, hello);
        _observation!.KernelRelease = TextRing.Printable(hello.KernelRelease);
        _log.Info($"guest kernel {TextRing.Printable(hello.KernelRelease)} was up {hello.BootMilliseconds} ms after its start, {Elapsed()} ms after the hypervisor's");
    }

    // Null when the stream ended too early.
    private async Task<int?> ServeAsync(IMachine machine, GuestLink link, ControlServer control)
    {
        Setup setup = StartWorkload(machine, link);
        using NetworkFollower? follower = watch == null ? null : new NetworkFollower(loop, link, watch, setup, _log);
        // Ends with the machine.
        _ = follower?.RunAsync();
        using var ports = new PortRelay(loop, link, network.TryListen, keepsPorts: network.Shared != null, _log);
        SocketDialler? sockets = capable == null ? null : new SocketDialler(loop, description.Sockets, capable, _log);
        ProcessEnd? end = null;
        while (await ReceiveAsync(link) is var (kind, body))
        {
            switch (kind)
            {
                case MessageKind.Started when Read(body, Started.Read).Id == Start.Workload:
                    if (!_workloadStarted.TrySetResult()) throw new WireFormatException("it said twice that the workload runs");
                    if (setup.LayerDisk != null) File.WriteAllBytes(MachineFolder.InSandbox.LayerTaken, []);
                    timeline.Ended(BootSteps.Workload);
                    _log.Info($"the workload runs, {Elapsed()} ms after the hypervisor's start");
                    BootSteps.Report(_log, timeline);
                    _ = KeepClockAsync(link);
                    while (_earlySignals.TryDequeue(out int number)) await _workload!.SignalAsync(number);
                    break;
                case MessageKind.Exited when Read(body, Exited.Read) is { Id: Start.Workload } exited:
                    end = new ProcessEnd(exited.Code) { OutOfMemory = exited.OutOfMemory };
                    LogTime($"the workload has ended with code {exited.Code}");
                    break;
                case MessageKind.StartFailed when Read(body, StartFailed.Read) is { Id: Start.Workload } failure:
                    end = new ProcessEnd(failure.Code, TextRing.Printable(failure.Message));
                    break;
                case MessageKind.Started or MessageKind.Exited or MessageKind.StartFailed:
                    control.Deliver(kind, body);
                    break;
                case MessageKind.Notice:
                    LogNotice(Read(body, Notice.Read));
                    break;
                case MessageKind.Listening:
                    ports.Update(Read(body, Listening.Read).Ports);
                    break;
                case MessageKind.DialSocket when sockets != null:
                    sockets.Dial(link, Read(body, DialSocket.Read));
                    break;
                case MessageKind.KernelLog or MessageKind.Flushed:
                    _observation!.Deliver(kind, body);
                    break;
                case MessageKind.Failed:
                    throw new UsageException($"the guest could not make the machine ready: {TextRing.Printable(Read(body, Failed.Read).Message)}");
                case MessageKind.Stopped:
                    LogTime("the guest has flushed its disks");
                    return end == null ? null : await FinishAsync(end);
                default:
                    throw new WireFormatException($"it sent message {(byte)kind}");
            }
        }

        return null;
    }

    private void LogNotice(Notice notice)
    {
        string message = "guest: " + TextRing.Printable(notice.Message);
        if (notice.IsDetail) _log.Debug(message);
        else _log.Info(message);
    }

    private static async Task<(MessageKind Kind, byte[] Body)?> ReceiveAsync(GuestLink link)
    {
        try
        {
            return await link.ReceiveAsync();
        }
        catch (ChannelClosedException)
        {
            return null;
        }
    }

    private delegate T Reading<T>(ref WireReader reader);

    private static T Read<T>(byte[] body, Reading<T> read)
    {
        var reader = new WireReader(body);
        return read(ref reader);
    }

    private Setup StartWorkload(IMachine machine, GuestLink link)
    {
        Setup setup = MachineStart.Setup(machine, network);
        // Whether the container asks Docker's nameserver may change with its networks.
        _dns = ForwardQuestionsAsync(link);
        _ = link.SendAsync(MessageKind.Setup, setup.Write);
        LogTime("the set-up was sent");
        var processReader = new WireReader(File.ReadAllBytes(MachineFolder.InSandbox.Process));
        ProcessSpec process = ProcessSpec.Read(ref processReader) with { HasInput = !IsNullDevice(0) };
        _workload = new ProcessSession(loop, link, Start.Workload, process.Terminal, Standard(0), Standard(1), Standard(2));
        _ = link.SendAsync(MessageKind.Start, new Start(Start.Workload, process).Write);
        if (process.Terminal) _ = _workload.ResizeAsync();
        _relays = _workload.RunAsync();
        return setup;
    }

    private async Task ForwardQuestionsAsync(GuestLink link)
    {
        Channel channel = link.Multiplexer.Open(Start.DnsChannel);
        const ushort DnsPort = 53;
        try
        {
            await new DnsForwarder(loop, new IPv4End(network.Nameserver, DnsPort), channel.WriteAsync).RunAsync(channel.ReadAsync);
        }
        catch (ChannelClosedException)
        {
            // The machine has ended.
        }
        catch (WireFormatException e)
        {
            link.Multiplexer.Break(e);
        }
    }

    private async Task<int> FinishAsync(ProcessEnd end)
    {
        await _workload!.CompleteAsync(end);
        await _relays;
        if (end.Failure != null) MachineLog.Error(end.Failure);
        // As long as the hypervisor holds the guest's memory.
        if (end.OutOfMemory) await MemoryShortage.ReportAsync(loop, description.SandboxMemoryLimit);
        return end.Code;
    }

    // A guest does not see for how long it was paused, or the host asleep, and its clock may have stood still.
    private async Task KeepClockAsync(GuestLink link)
    {
        try
        {
            while (true)
            {
                await loop.HeldUpAsync();
                await link.SendAsync(MessageKind.Adjust, new Adjust(MachineStart.Clock).Write);
            }
        }
        catch (ChannelClosedException)
        {
            // The machine has ended.
        }
    }

    private async Task ForwardSignalsAsync(AsyncFile signals)
    {
        try
        {
            while (true)
            {
                await signals.ReadableAsync();
                for (int number; (number = SignalSet.TryTake(signals.Handle)) != 0;)
                {
                    if (number == SignalNumber.Child) continue;
                    if (number == SignalNumber.WindowChanged) await (_workload?.ResizeAsync() ?? Task.CompletedTask);
                    else if (_workloadStarted.Task.IsCompleted) await _workload!.SignalAsync(number);
                    else _earlySignals.Enqueue(number);
                }
            }
        }
        catch (ObjectDisposedException)
        {
            // The machine has ended.
        }
    }

    private void LogTime(string what) => _log.Debug($"{what}, {Elapsed()} ms after the hypervisor's start");

    private long Elapsed() => (long)System.Diagnostics.Stopwatch.GetElapsedTime(_started).TotalMilliseconds;

    private static SafeFileHandle Standard(int number) => new(number, ownsHandle: false);

    private static bool IsNullDevice(int number) => FileStatus.TryOf($"/proc/self/fd/{number}", followLinks: true) is { IsNullDevice: true };
}
