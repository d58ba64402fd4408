using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Supervisor;

namespace Runcvm.Cli;

/// <summary>`runcvm kill`. SIGKILL ends a machine as a power cut does, while a killed container leaves all that it
/// wrote. So before that signal the guest is asked to put its caches on its disks. The supervisor gets most signals from
/// the low-level runtime and hands them on; what would stop or end it, or means something else to it, is asked of it.
/// </summary>
internal static class KillVerb
{
    // Engines give up on a container that outlives SIGKILL after ten seconds; and a guest that is stuck is a reason to kill it.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    internal static int Run(CommandLine command, HostConfig config)
    {
        string signal = command.AfterId() is [var named, ..] ? named : "TERM";
        if (command.ContainerId() is { } id)
        {
            int? other = !IsKill(signal) && SignalName.TryParse(signal) is { } number && !IsHandedOn(number) ? number : null;
            if (PodChange.Of(command, config, id) is { } container)
            {
                if (other is { } own) return Send(container, own);
            }
            else if (IsKill(signal))
            {
                // Whatever its state is like, a machine can be ended.
                TryFlush(OwnMachine.FolderOf(command, config, id));
            }
            else if (OwnMachine.Find(command, config, id) is { IsRunning: true } folder && other is { } its)
            {
                return Send(folder, its);
            }
        }

        LowLevelRuntime.Execute(config.LowLevelRuntime, command.Arguments);
        return 1;
    }

    internal static bool IsKill(string signal)
        => signal == "9" || signal.Equals("KILL", StringComparison.OrdinalIgnoreCase) || signal.Equals("SIGKILL", StringComparison.OrdinalIgnoreCase);

    // SIGWINCH tells it that the terminal has another size, SIGCHLD that a child of its own has ended.
    private static bool IsHandedOn(int number)
        => SignalSet.CanForward(number) && number is not (SignalNumber.WindowChanged or SignalNumber.Child);

    private static int Send(PodChange container, int number)
    {
        container.Signal(number);
        return 0;
    }

    private static int Send(MachineFolder folder, int number)
    {
        using SafeFileHandle socket = folder.Connect();
        ControlQuestion.Tell(socket, new Signal(Start.Workload, (byte)number));
        return 0;
    }

    // Whatever prevents it (no machine, one that has ended, is paused or stuck) is no reason not to kill.
    private static void TryFlush(MachineFolder folder)
    {
        try
        {
            // One whose workload does not run yet has nothing to flush, and may not answer for a long time.
            if (!folder.Exists || !folder.IsRunning || FileStatus.TryOf(folder.Started) == null) return;
            using SafeFileHandle socket = folder.Connect();
            ControlQuestion.Ask<Flush, Flushed>(socket, new Flush(0), Patience);
        }
        catch (Exception e) when (e is LinuxException or WireFormatException)
        {
            // Killed without it.
        }
    }
}
