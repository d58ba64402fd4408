using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Machines;

namespace Runcvm.Hypervisors.Firecracker;

/// <summary>A machine run by Firecracker, as a user of its own: it opens its files, devices and taps by name, and the guest
/// dials the stream.</summary>
internal sealed class FirecrackerMachine : IMachine
{
    private readonly UserThread _user;
    private readonly ChildProcess _process;
    private readonly GuestDial _dial;
    private readonly GuestDial? _sharesDial;
    private readonly IReadOnlyList<MachineSettings.Disk> _disks;

    private FirecrackerMachine(
        EventLoop loop, MachineSettings settings, UserThread user, ChildProcess process, GuestDial dial, GuestDial? sharesDial,
        SafeFileHandle console, SafeFileHandle errors)
    {
        _user = user;
        _process = process;
        _dial = dial;
        _sharesDial = sharesDial;
        _disks = settings.Disks;
        Stream = AcceptAsync(loop, dial);
        Shares = sharesDial?.AcceptAsync();
        Console = AsyncFile.NonBlocking(loop, console);
        Errors = AsyncFile.NonBlocking(loop, errors);
        Exited = AsyncFile.WaitForExitAsync(loop, process);
    }

    public Task<AsyncFile> Stream { get; }

    public Task<SafeFileHandle>? Shares { get; }

    public AsyncFile Console { get; }

    public AsyncFile Errors { get; }

    public string Name => "Firecracker";

    public Task<ExitStatus> Exited { get; }

    /// <summary>Starts it as that user. The taps must be open nowhere else.</summary>
    internal static FirecrackerMachine Start(EventLoop loop, MachineSettings settings, UserThread user)
    {
        var files = new FirecrackerFiles(settings.Folder);
        var ours = new FirecrackerFiles(settings.Tree + settings.Folder);
        File.WriteAllBytes(ours.Configuration, FirecrackerConfiguration.Build(settings, files));
        var dial = new GuestDial(loop, ours.Stream);
        GuestDial? sharesDial = settings.HasShares ? new GuestDial(loop, ours.Shares) : null;
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        (SafeFileHandle console, SafeFileHandle consoleEnd) = FileDescriptor.Pipe();
        (SafeFileHandle errors, SafeFileHandle errorsEnd) = FileDescriptor.NamedPipe(ours.Errors, Permission.EverybodysFile);
        using (consoleEnd)
        using (errorsEnd)
        {
            ChildProcess process = user.Run(() => ChildProcess.Start(
                settings.Program, [.. settings.Before, .. FirecrackerArguments.Build(files)], [], [(0, nothing), (1, consoleEnd), (2, errorsEnd)]));
            return new FirecrackerMachine(loop, settings, user, process, dial, sharesDial, console, errors);
        }
    }

    // The order of the drives is that of the guest's devices; Firecracker's serial numbers are made of the files' inodes.
    public string DiskName(string serial)
    {
        for (int i = 0; i < _disks.Count; i++)
            if (_disks[i].Serial == serial) return BlockDevice(i);
        throw new ArgumentException($"the machine has no disk {serial}", nameof(serial));
    }

    public string Explain(string lines) => FirecrackerLog.Explain(lines);

    // Who is another user may be signalled by that user only.
    public void Kill() => _user.Run(() =>
    {
        _process.Kill(SignalNumber.Kill);
        return 0;
    });

    public void Dispose()
    {
        if (Stream.IsCompletedSuccessfully) Stream.Result.Dispose();
        _dial.Dispose();
        _sharesDial?.Dispose();
        Console.Dispose();
        Errors.Dispose();
    }

    /// <summary>/dev/vda to /dev/vdz, then /dev/vdaa: the kernel's names for the disks of this machine.</summary>
    internal static string BlockDevice(int index)
    {
        string letters = "";
        for (int rest = index; rest >= 0; rest = (rest / 26) - 1) letters = (char)('a' + (rest % 26)) + letters;
        return "/dev/vd" + letters;
    }

    private static async Task<AsyncFile> AcceptAsync(EventLoop loop, GuestDial dial) => new(loop, await dial.AcceptAsync());
}
