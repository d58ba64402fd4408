using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>The process that the container is for: it has the standard streams of this one, and gets its signals.</summary>
/// <param name="loop">runs all of it</param>
/// <param name="link">to the guest</param>
internal sealed class Workload(EventLoop loop, GuestLink link)
{
    private readonly Queue<int> _earlySignals = new();
    private readonly TaskCompletionSource _started = new();
    private ProcessSession? _session;
    private Task _relays = Task.CompletedTask;

    /// <summary>Ends when the guest has said that it runs.</summary>
    internal Task Started => _started.Task;

    /// <summary>Asks the guest for it.</summary>
    internal void Start()
    {
        var reader = new WireReader(File.ReadAllBytes(MachineFolder.InSandbox.Process));
        ProcessSpec process = ProcessSpec.Read(ref reader) with { HasInput = !IsNullDevice(0) };
        _session = new ProcessSession(loop, link, Protocol.Messages.Start.Workload, process.Terminal, Standard(0), Standard(1), Standard(2));
        _ = link.SendAsync(MessageKind.Start, new Start(Protocol.Messages.Start.Workload, process).Write);
        if (process.Terminal) _ = _session.ResizeAsync();
        _relays = _session.RunAsync();
    }

    /// <summary>The guest says that it runs.</summary>
    internal void SetStarted()
    {
        if (!_started.TrySetResult()) throw new WireFormatException("it said twice that the workload runs");
    }

    /// <summary>Sends the signals that came before it ran.</summary>
    internal async Task SendEarlySignalsAsync()
    {
        while (_earlySignals.TryDequeue(out int number)) await _session!.SignalAsync(number);
    }

    /// <summary>The guest says that it has ended: returns once all it wrote is with the reader.</summary>
    internal async Task CompleteAsync(ProcessEnd end)
    {
        await _session!.CompleteAsync(end);
        await _relays;
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
                    else if (_started.Task.IsCompleted) await _session!.SignalAsync(number);
                    else _earlySignals.Enqueue(number);
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
