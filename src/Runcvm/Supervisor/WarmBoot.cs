using Microsoft.Win32.SafeHandles;
using Runcvm.Hypervisors.Qemu;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Machines;
using Runcvm.Protocol;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>A machine that goes on where another was saved, and one that boots in its place should that fail: the
/// latter's hypervisor waits in its compartment, because the supervisor can start none any more once it reads what they
/// say.
/// </summary>
internal sealed class WarmBoot
{
    // Of the time that a boot may take. What is restored answers in a second, or never.
    private const int PartOfPatience = 4;

    private const int ErrorsKept = 8 * 1024;
    private const int LinesShown = 3;

    private readonly EventLoop _loop;
    private readonly QemuMachine _restored;
    private readonly IMachine _spare;
    private readonly SafeFileHandle _word;
    private readonly TimeSpan _patience;

    private WarmBoot(EventLoop loop, QemuMachine restored, IMachine spare, SafeFileHandle word, TimeSpan patience)
    {
        _loop = loop;
        _restored = restored;
        _spare = spare;
        _word = word;
        _patience = patience;
    }

    /// <summary>Starts both, or gives null where the saved machine has not enough places for these devices.</summary>
    internal static WarmBoot? TryStart(
        EventLoop loop, MachineSettings settings, MachineDescription description, UserThread hypervisor,
        SavedStart saved)
    {
        int devices = 1 + settings.Disks.Count + settings.Cards.Count + (settings.Hardware.Balloon ? 1 : 0);
        if (devices > SavedGuest.Places) return null;
        QemuMachine restored = QemuMachine.Start(loop, settings with { Saved = saved.File }, hypervisor);
        (SafeFileHandle start, SafeFileHandle word) = FileDescriptor.Pipe();
        using (start)
        {
            IReadOnlyList<string> before = ConfineVmmVerb.ArgumentsLater(description);
            MachineSettings later = settings with { Before = before, StartsAt = start };
            IMachine spare = QemuMachine.Start(loop, later, saved.Spare!);
            var patience = TimeSpan.FromSeconds(description.BootTimeout) / PartOfPatience;
            return new WarmBoot(loop, restored, spare, word, patience);
        }
    }

    /// <summary>The machine whose guest speaks, or the other one.</summary>
    /// <param name="tell">writes a line to the machine's log</param>
    /// <param name="takeTurn">waits until this machine may boot</param>
    internal async Task<IMachine> ChooseAsync(Action<string> tell, Func<Task> takeTurn)
    {
        using SafeFileHandle word = _word;
        if (await SpeaksAsync())
        {
            await EndAsync(_spare);
            tell("the machine goes on where another was saved");
            return _restored;
        }

        string reason = _restored.Exited.IsCompleted ? "QEMU ended" : "its guest did not answer";
        _restored.Kill();
        await _restored.Exited;
        var errors = new TextRing(ErrorsKept);
        await errors.FillAsync(_restored.Errors);
        _restored.Dispose();
        string said = string.Join("; ", [reason, .. errors.LastLines(LinesShown).Split('\n')]).TrimEnd(' ', ';');
        tell($"a saved machine could not be restored and this one boots: {said}");
        await takeTurn();
        FileDescriptor.WriteAll(word, [1]);
        return _spare;
    }

    // Nothing is read: the first bytes are for the one that knows the protocol.
    private async Task<bool> SpeaksAsync()
    {
        using var over = new CancellationTokenSource();
        Task late = _loop.DelayAsync(_patience, over.Token);
        AsyncFile stream = await _restored.Stream;
        Task first;
        bool speaks = false;
        do
        {
            Task readable = stream.ReadableAsync();
            first = await Task.WhenAny(_restored.Exited, _restored.BootsAgain, late, readable);
            speaks = first == readable && UnixSocket.HasBytes(stream.Handle);
        }
        while (!speaks && first != _restored.Exited && first != late && first != _restored.BootsAgain);
        over.Cancel();
        return speaks;
    }

    private static async Task EndAsync(IMachine machine)
    {
        machine.Kill();
        await machine.Exited;
        machine.Dispose();
    }
}
