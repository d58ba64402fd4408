using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Machines;

namespace Runcvm.Hypervisors.Qemu;

/// <summary>A machine run by QEMU. Stream and console are socket pairs that it inherits: there is no path to collide with
/// one left by a crash, and nobody else can connect.</summary>
internal sealed class QemuMachine : IResettable, IReportsDiskErrors, IBalloon, IFileDevice, ISavable
{
    private const string VhostNet = "/dev/vhost-net";

    private readonly UserThread _user;
    private readonly ChildProcess _process;
    private readonly QemuMonitor _monitor;
    private readonly MachineSettings _settings;

    private QemuMachine(
        EventLoop loop, UserThread user, ChildProcess process, SafeFileHandle stream, SafeFileHandle? shares, SafeFileHandle? files, SafeFileHandle console,
        SafeFileHandle errors, SafeFileHandle monitor, MachineSettings settings)
    {
        FileDevice = files;
        _user = user;
        _process = process;
        // Its files are closed once QEMU has them.
        _settings = settings;
        _monitor = new QemuMonitor(AsyncFile.NonBlocking(loop, monitor));
        Stream = Task.FromResult(AsyncFile.NonBlocking(loop, stream));
        Shares = shares == null ? null : Task.FromResult(shares);
        Console = AsyncFile.NonBlocking(loop, console);
        Errors = AsyncFile.NonBlocking(loop, errors);
        Exited = AsyncFile.WaitForExitAsync(loop, process);
    }

    public Task<AsyncFile> Stream { get; }

    public Task<SafeFileHandle>? Shares { get; }

    public SafeFileHandle? FileDevice { get; }

    public AsyncFile Console { get; }

    public AsyncFile Errors { get; }

    public string Name => "QEMU";

    public Task<ExitStatus> Exited { get; }

    /// <summary>Starts it in its compartment, which it reaches no file from that it was not given.</summary>
    internal static QemuMachine Start(EventLoop loop, MachineSettings settings, UserThread user)
    {
        (SafeFileHandle stream, SafeFileHandle streamEnd) = UnixSocket.Pair();
        (SafeFileHandle? shares, SafeFileHandle? sharesEnd) = settings.HasShares ? UnixSocket.Pair() : default((SafeFileHandle?, SafeFileHandle?));
        (SafeFileHandle? device, SafeFileHandle? deviceEnd) = QemuArguments.HasFileDevice(settings)
            ? UnixSocket.Pair() : default((SafeFileHandle?, SafeFileHandle?));
        (SafeFileHandle console, SafeFileHandle consoleEnd) = UnixSocket.Pair();
        (SafeFileHandle monitor, SafeFileHandle monitorEnd) = UnixSocket.Pair();
        (SafeFileHandle errors, SafeFileHandle errorsEnd) = FileDescriptor.Pipe();
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        using (streamEnd)
        using (sharesEnd)
        using (deviceEnd)
        using (consoleEnd)
        using (monitorEnd)
        using (errorsEnd)
        {
            var files = new List<(int, SafeFileHandle)>
            {
                (0, settings.StartsAt ?? nothing), (1, nothing), (2, errorsEnd),
                (QemuArguments.StreamFile, streamEnd), (QemuArguments.ConsoleFile, consoleEnd), (QemuArguments.MonitorFile, monitorEnd),
            };
            for (int i = 0; i < settings.Cards.Count; i++) files.Add((QemuArguments.FirstTapFile + i, settings.Cards[i].Tap));
            if (sharesEnd != null) files.Add((QemuArguments.SharesFile(settings), sharesEnd));
            if (deviceEnd != null) files.Add((QemuArguments.SharesFile(settings) + 1, deviceEnd));
            SafeFileHandle[] carriers = settings.Hardware.VhostNet ? [.. settings.Cards.Select(static _ => FileDescriptor.Open(VhostNet, OpenFlags.ReadWrite))] : [];
            for (int i = 0; i < carriers.Length; i++) files.Add((QemuArguments.VhostFile(settings, i), carriers[i]));
            SafeFileHandle[] disks = [.. settings.Disks.Select(static disk => FileDescriptor.Open(disk.Path, disk.ReadOnly ? OpenFlags.ReadOnly : OpenFlags.ReadWrite))];
            for (int i = 0; i < disks.Length; i++) files.Add((QemuArguments.DiskFile(settings, i), disks[i]));
            if (settings.Saved != null) files.Add((QemuArguments.SavedFile(settings), settings.Saved));
            ChildProcess process = user.Run(() => ChildProcess.Start(settings.Program, [.. settings.Before, .. QemuArguments.Build(settings)], [], files));
            foreach (SafeFileHandle given in carriers.Concat(disks)) given.Dispose();
            return new QemuMachine(loop, user, process, stream, shares, device, console, errors, monitor, settings);
        }
    }

    public Task BootsAgain => _monitor.WasReset;

    public Task ResetAsync() => _monitor.ResetAsync();

    public Task SetMemoryAsync(long mebibytes) => _monitor.SetMemoryAsync(mebibytes);

    public Task<DiskError> DiskError => _monitor.DiskError;

    public Task ContinueAsync() => _monitor.ContinueAsync();

    public Task EndAtResetAsync() => _monitor.EndAtResetAsync();

    public bool IsPlacedFirst => QemuArguments.ArePlacesFirst(_settings);

    public int Cards => _settings.Cards.Count;

    public async Task SaveAsync(SafeFileHandle file)
    {
        await _monitor.StopAsync();
        await _monitor.SaveAsync(file);
    }

    public async Task LoadAsync()
    {
        await _monitor.LoadAsync(QemuArguments.SavedFile(_settings));
        await _monitor.ContinueAsync();
    }

    public string DiskName(string serial) => serial;

    public string Explain(string lines) => lines;

    // Who is another user may be signalled by that user only.
    public void Kill() => _user.Run(() =>
    {
        _process.Kill(SignalNumber.Kill);
        return 0;
    });

    public void Dispose()
    {
        Stream.Result.Dispose();
        Shares?.Result.Dispose();
        FileDevice?.Dispose();
        Console.Dispose();
        Errors.Dispose();
        _monitor.Dispose();
    }
}
