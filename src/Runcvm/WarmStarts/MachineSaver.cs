using Microsoft.Win32.SafeHandles;
using Runcvm.Hypervisors.Qemu;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Machines;
using Runcvm.Protocol;
using Runcvm.Supervisor;

namespace Runcvm.WarmStarts;

/// <summary>Boots a machine that has no device, and saves it when its guest is ready for that. Its hypervisor is in a
/// compartment like every machine's: it can open no file but what the compartment holds, and writes the machine into a
/// pipe.</summary>
internal static class MachineSaver
{
    private const int LinesShown = 12;
    private const int ConsoleKept = 64 * 1024;
    private const int ErrorsKept = 8 * 1024;

    // Devices take some 60 KiB, and pages that change while they are written are written twice.
    private const long MostBesideMemory = 256L << 20;

    /// <summary>Boots, saves and ends it.</summary>
    /// <param name="loop">runs it</param>
    /// <param name="settings">of the machine</param>
    /// <param name="user">a thread in the compartment</param>
    /// <param name="output">where it is written</param>
    /// <param name="patience">how long its guest may take to be ready</param>
    internal static async Task RunAsync(
        EventLoop loop, MachineSettings settings, UserThread user, FileStream output, TimeSpan patience)
    {
        using var machine = SavingMachine.Start(loop, settings, user);
        var console = new TextRing(ConsoleKept);
        var errors = new TextRing(ErrorsKept);
        var ready = new TaskCompletionSource();
        Task listening = Task.WhenAll(console.FillAsync(machine.Console, _ =>
        {
            if (console.LastAfter(SavedGuest.Words) != null) ready.TrySetResult();
        }), errors.FillAsync(machine.Errors));
        try
        {
            using var over = new CancellationTokenSource();
            Task<bool> late = loop.DelayAsync(patience, over.Token);
            Task first = await Task.WhenAny(ready.Task, machine.Exited, late);
            if (first == late) throw Failure("the machine to be saved was not ready in time", console, errors);
            long most = (settings.Hardware.MemoryMebibytes << 20) + MostBesideMemory;
            if (first == ready.Task) await SaveAsync(loop, machine, output, most, patience);
            // What it wrote before its end may not have been read yet.
            else await Task.WhenAny(listening, late);
            over.Cancel();
            if (first == machine.Exited) throw Failure("QEMU ended before the machine could be saved", console, errors);
        }
        finally
        {
            machine.Kill();
            await machine.Exited;
            await listening;
        }
    }

    private static async Task SaveAsync(
        EventLoop loop, SavingMachine machine, FileStream output, long most, TimeSpan patience)
    {
        (SafeFileHandle ours, SafeFileHandle theirs) = FileDescriptor.Pipe();
        using var pipe = AsyncFile.NonBlocking(loop, ours);
        using var over = new CancellationTokenSource();
        Task<bool> late = loop.DelayAsync(patience, over.Token);
        List<Task> left = [machine.SaveAsync(theirs), CopyAsync(pipe, output, most)];
        // One that fails leaves the other waiting: QEMU keeps the pipe open where it refuses to save.
        while (left.Count > 0)
        {
            Task first = await Task.WhenAny([.. left, late]);
            if (first == late) throw new UsageException("QEMU did not save the machine in time");
            await first;
            left.Remove(first);
        }

        over.Cancel();
    }

    /// <summary>Writes what comes to a file, which is bounded.</summary>
    internal static async Task CopyAsync(AsyncFile pipe, FileStream output, long most)
    {
        byte[] buffer = new byte[64 * 1024];
        long written = 0;
        for (int n; (n = await pipe.ReadAsync(buffer)) > 0; written += n)
        {
            if (written + n > most) throw new UsageException("QEMU writes more than a machine of that size can be");
            output.Write(buffer.AsSpan(0, n));
        }
    }

    private static UsageException Failure(string what, TextRing console, TextRing errors)
        => new($"{what}: {errors.LastLines(LinesShown)} {console.LastLines(LinesShown)}".TrimEnd(' ', ':'));
}
