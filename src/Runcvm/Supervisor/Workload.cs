using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>The process that the container is for: it has the standard streams of this one, and gets its signals.</summary>
/// <param name="loop">runs all of it</param>
/// <param name="link">to the guest</param>
internal sealed class Workload(EventLoop loop, GuestLink link)
{
    // Each number once: a signal that waits is not sent again, as the kernel has it for those below 32.
    private readonly List<int> _earlySignals = [];
    private readonly TaskCompletionSource _started = new();
    private readonly TaskCompletionSource<int> _stopped = new();
    private bool _guestSpeaks;
    private ProcessSession? _session;
    private Task _relays = Task.CompletedTask;

    /// <summary>Ends when the guest has said that it runs.</summary>
    internal Task Started => _started.Task;

    /// <summary>Ends with the signal that asked for the end of a machine whose kernel still boots: nothing of the
    /// container has run that could take it.</summary>
    internal Task<int> Stopped => _stopped.Task;

    /// <summary>The guest's kernel has booted. From now on signals wait for the workload.</summary>
    internal void ExpectGuest() => _guestSpeaks = true;

    /// <summary>Asks the guest for it, and relays its streams from then on.</summary>
    internal Task StartAsync() => BeginAsync(static process => new Start(Protocol.Messages.Start.Workload, process));

    /// <summary>Tells a guest that was saved with its workload who it is, and relays that one's streams from then
    /// on.</summary>
    internal Task AdoptAsync(Adopt adopt) => BeginAsync(_ => adopt);

    private async Task BeginAsync<T>(Func<ProcessSpec, T> message)
        where T : IMessage<T>
    {
        var process = WireBytes.Read<ProcessSpec>(File.ReadAllBytes(MachineFolder.InSandbox.Process));
        process = process with { HasInput = !IsNullDevice(0) };
        const uint Id = Protocol.Messages.Start.Workload;
        var session = new ProcessSession(loop, link, Id, process.Terminal, Standard(0), Standard(1), Standard(2));
        try
        {
            await session.BeginAsync(message(process), () => _session = session);
        }
        catch (ChannelClosedException)
        {
            // The guest is gone, which is reported by the one that runs the stream.
            return;
        }

        _relays = session.RunAsync();
        if (process.Terminal) await session.ResizeAsync();
    }

    /// <summary>The guest says that it runs.</summary>
    internal void SetStarted()
    {
        if (_session == null)
            throw new WireFormatException("it said that the workload runs before it was asked for it");
        if (!_started.TrySetResult()) throw new WireFormatException("it said twice that the workload runs");
    }

    /// <summary>Sends the signals that came before it ran.</summary>
    internal async Task SendEarlySignalsAsync()
    {
        foreach (int number in _earlySignals) await _session!.SignalAsync(number);
    }

    /// <summary>The guest says that it has ended: returns once all it wrote is with the reader.</summary>
    internal async Task CompleteAsync(ProcessEnd end)
    {
        if (_session == null)
            throw new WireFormatException("it said that the workload has ended before it was asked for it");
        await _session.CompleteAsync(end);
        await _relays;
    }

    /// <summary>Sends it a signal, or keeps it until the workload runs.</summary>
    /// <param name="number">1 to 64</param>
    internal async Task SignalAsync(int number)
    {
        if (_started.Task.IsCompleted) await _session!.SignalAsync(number);
        else if (!_guestSpeaks && number is SignalNumber.Interrupt or SignalNumber.Quit or SignalNumber.Terminate)
            _stopped.TrySetResult(number);
        else if (!_earlySignals.Contains(number)) _earlySignals.Add(number);
    }

    /// <summary>Forwards until the file is disposed.</summary>
    internal async Task ForwardSignalsAsync(AsyncFile signals)
    {
        try
        {
            while (true)
            {
                await signals.ReadableAsync();
                for (int number; (number = SignalSet.TryTake(signals.Handle)) != 0;)
                {
                    if (number == SignalNumber.Child) continue;
                    if (number == SignalNumber.WindowChanged) await (_session?.ResizeAsync() ?? Task.CompletedTask);
                    else await SignalAsync(number);
                }
            }
        }
        catch (ObjectDisposedException)
        {
            // The machine has ended.
        }
    }

    private static SafeFileHandle Standard(int number) => new(number, ownsHandle: false);

    private static bool IsNullDevice(int number) => FileStatus.TryOf($"/proc/self/fd/{number}", followLinks: true) is { IsNullDevice: true };
}
