using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Machines;

namespace Runcvm.Hypervisors.Qemu;

/// <summary>A machine run by QEMU that has a console and nothing else, to be saved.</summary>
internal sealed class SavingMachine : IDisposable
{
    private readonly UserThread _user;
    private readonly ChildProcess _process;
    private readonly QemuMonitor _monitor;

    private SavingMachine(
        EventLoop loop, UserThread user, ChildProcess process, SafeFileHandle console, SafeFileHandle errors,
        SafeFileHandle monitor)
    {
        _user = user;
        _process = process;
        _monitor = new QemuMonitor(AsyncFile.NonBlocking(loop, monitor));
        Console = AsyncFile.NonBlocking(loop, console);
        Errors = AsyncFile.NonBlocking(loop, errors);
        Exited = AsyncFile.WaitForExitAsync(loop, process);
    }

    /// <summary>What the guest's kernel writes to its console.</summary>
    internal AsyncFile Console { get; }

    /// <summary>What QEMU itself writes.</summary>
    internal AsyncFile Errors { get; }

    internal Task<ExitStatus> Exited { get; }

    /// <summary>Starts it in its compartment.</summary>
    internal static SavingMachine Start(EventLoop loop, MachineSettings settings, UserThread user)
    {
        (SafeFileHandle console, SafeFileHandle consoleEnd) = UnixSocket.Pair();
        (SafeFileHandle monitor, SafeFileHandle monitorEnd) = UnixSocket.Pair();
        (SafeFileHandle errors, SafeFileHandle errorsEnd) = FileDescriptor.Pipe();
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        using (consoleEnd)
        using (monitorEnd)
        using (errorsEnd)
        {
            (int, SafeFileHandle)[] files =
            [
                (0, nothing), (1, nothing), (2, errorsEnd),
                (QemuArguments.ConsoleFile, consoleEnd), (QemuArguments.MonitorFile, monitorEnd),
            ];
            string[] arguments = [.. settings.Before, .. QemuArguments.BuildToSave(settings)];
            ChildProcess process = user.Run(() => ChildProcess.Start(settings.Program, arguments, [], files));
            return new SavingMachine(loop, user, process, console, errors, monitor);
        }
    }

    /// <summary>Writes it to a file, which is closed then; it runs no more.</summary>
    internal Task SaveAsync(SafeFileHandle file) => _monitor.SaveAsync(file);

    internal void Kill() => _user.Run(() =>
    {
        _process.Kill(SignalNumber.Kill);
        return 0;
    });

    public void Dispose()
    {
        Console.Dispose();
        Errors.Dispose();
        _monitor.Dispose();
    }
}
