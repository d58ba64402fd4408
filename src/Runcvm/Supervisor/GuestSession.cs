using System.Diagnostics;
using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>What the guest says to the supervisor and gets for an answer, from its first word until it has stopped.</summary>
/// <param name="loop">runs all of it</param>
/// <param name="description">what `create` decided</param>
/// <param name="link">to the guest</param>
/// <param name="workload">the container's process</param>
/// <param name="answers">answers those who ask about the machine</param>
/// <param name="timeline">where the time of the start goes</param>
/// <param name="sinceStart">of the hypervisor</param>
/// <param name="log">what users see of it</param>
internal sealed class GuestSession(
    EventLoop loop, MachineDescription description, GuestLink link, Workload workload, ControlAnswers answers, Timeline timeline, Stopwatch sinceStart,
    MachineLog log)
{
    private Task _clock = Task.CompletedTask;

    /// <summary>Has the machine saved.</summary>
    internal required MachineSaving Saving { get; init; }

    /// <summary>The guest's next message; null when the stream has ended.</summary>
    internal async Task<ReceivedMessage?> ReceiveAsync()
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

    /// <summary>Takes the guest's first message.</summary>
    internal void TakeHello(ReceivedMessage message)
    {
        if (message.Kind != MessageKind.Hello)
            throw new WireFormatException($"it began with message {(byte)message.Kind}");
        Hello hello = message.Read<Hello>();
        if (hello.Version != Hello.CurrentVersion)
        {
            throw new UsageException(
                $"runcvm speaks version {Hello.CurrentVersion} of its protocol and runcvm-init version {hello.Version}; install both from one build (runcvm install)");
        }

        BootSteps.AddHello(timeline, hello);
        answers.KernelRelease = TextRing.Printable(hello.KernelRelease);
        log.Info($"guest kernel {TextRing.Printable(hello.KernelRelease)} was up {hello.BootMilliseconds} ms after its start, "
            + $"{sinceStart.ElapsedMilliseconds} ms after the hypervisor's");
    }

    /// <summary>Has the guest made ready and the workload started, and goes through the guest's messages until it has stopped.</summary>
    /// <returns>the workload's exit code; null when the stream ended too early</returns>
    internal async Task<int?> RunAsync(Setup setup, ControlServer control, PortRelay ports, SocketDialler? sockets)
    {
        Task<int?> serving = ServeAsync(setup, control, ports, sockets);
        Task beginning = BeginAsync(setup);
        // Both at once: the guest may have more to say than it can send before it has read all of that.
        if (await Task.WhenAny(beginning, serving) == beginning) await beginning;
        return await serving;
    }

    private async Task BeginAsync(Setup setup)
    {
        if (description.IsClone)
        {
            await workload.AdoptAsync(AdoptionOf(setup));
            return;
        }

        try
        {
            await link.SendAsync(setup);
        }
        catch (WireFormatException e)
        {
            throw new UsageException(
                $"the container's mounts, files and networks are too many for a machine: {e.Message}", e);
        }

        LogTime("the set-up was sent");
        await workload.StartAsync();
    }

    private static Adopt AdoptionOf(Setup setup)
    {
        NetworkInterface?[] cards =
            [.. setup.Interfaces, .. setup.SpareCards.Select(static _ => (NetworkInterface?)null)];
        byte[][] files = [.. setup.Files.Select(static file => file.Content)];
        var network = new NetworkChange(cards, setup.NetworkSysctls, files, setup.DnsRelay);
        return new Adopt(setup.HostName, setup.DomainName, Linux.Machine.Clock, setup.Entropy, network);
    }

    private async Task<int?> ServeAsync(Setup setup, ControlServer control, PortRelay ports, SocketDialler? sockets)
    {
        ProcessEnd? end = null;
        while (await ReceiveAsync() is { } message)
        {
            switch (message.Kind)
            {
                case MessageKind.Started when message.Read<Started>().Id == Start.Workload:
                    await TakeStartAsync(setup);
                    break;
                case MessageKind.Exited when message.Read<Exited>() is { Id: Start.Workload } exited:
                    end = new ProcessEnd(exited.Code) { OutOfMemory = exited.OutOfMemory };
                    LogTime($"the workload has ended with code {exited.Code}");
                    break;
                case MessageKind.StartFailed when message.Read<StartFailed>() is { Id: Start.Workload } failure:
                    end = new ProcessEnd(failure.Code, TextRing.Printable(failure.Message));
                    break;
                case MessageKind.Started or MessageKind.Exited or MessageKind.StartFailed
                    or MessageKind.Prepared or MessageKind.Removed or MessageKind.Changed:
                    control.Deliver(message);
                    break;
                case MessageKind.Notice:
                    LogNotice(message.Read<Notice>());
                    break;
                case MessageKind.Listening:
                    ports.Update(message.Read<Listening>().Ports);
                    break;
                case MessageKind.DialSocket when sockets != null:
                    sockets.Dial(link, message.Read<DialSocket>());
                    break;
                case MessageKind.KernelLog or MessageKind.Flushed:
                    answers.Deliver(message);
                    break;
                case MessageKind.Held:
                    Saving.Deliver(message.Read<Held>());
                    break;
                case MessageKind.Failed:
                    string reason = TextRing.Printable(message.Read<Failed>().Message);
                    throw new UsageException($"the guest could not make the machine ready: {reason}");
                case MessageKind.Stopped:
                    message.Read<Stopped>();
                    LogTime("the guest has flushed its disks");
                    return end == null ? null : await FinishAsync(end);
                default:
                    throw new WireFormatException($"it sent message {(byte)message.Kind}");
            }
        }

        return null;
    }

    private async Task TakeStartAsync(Setup setup)
    {
        workload.SetStarted();
        File.WriteAllBytes(MachineFolder.InSandbox.Started, []);
        timeline.Ended(BootSteps.Workload);
        log.Info($"the workload runs, {sinceStart.ElapsedMilliseconds} ms after the hypervisor's start");
        BootSteps.Report(log, timeline);
        _clock = KeepClockAsync();
        await workload.SendEarlySignalsAsync();
    }

    private void LogNotice(Notice notice)
    {
        string message = "guest: " + TextRing.Printable(notice.Message);
        if (notice.IsDetail) log.Debug(message);
        else log.Info(message);
    }

    private async Task<int> FinishAsync(ProcessEnd end)
    {
        await workload.CompleteAsync(end);
        if (end.Failure != null) MachineLog.Error(end.Failure);
        // As long as the hypervisor holds the guest's memory.
        if (end.OutOfMemory) await MemoryShortage.ReportAsync(loop, description.SandboxMemoryLimit);
        return end.Code;
    }

    // A guest does not see for how long it was paused, or the host asleep, and its clock may have stood still.
    private async Task KeepClockAsync()
    {
        try
        {
            while (true)
            {
                await loop.HeldUpAsync();
                await link.SendAsync(new Adjust(Linux.Machine.Clock));
            }
        }
        catch (ChannelClosedException)
        {
            // The machine has ended.
        }
    }

    private void LogTime(string what) => log.Debug($"{what}, {sinceStart.ElapsedMilliseconds} ms after the hypervisor's start");
}
