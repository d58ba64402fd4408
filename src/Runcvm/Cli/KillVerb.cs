using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Supervisor;

namespace Runcvm.Cli;

/// <summary>`runcvm kill`: SIGKILL ends a machine as a power cut does, while a killed container leaves all that it wrote. So
/// before that signal the guest is asked to put its caches on its disks; all the rest is the low-level runtime's.</summary>
internal static class KillVerb
{
    // Engines give up on a container that outlives SIGKILL after ten seconds; and a guest that is stuck is a reason to kill it.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    internal static int Run(CommandLine command, HostConfig config)
    {
        if (command.ContainerId() is { } id && PodRecord.PodOf(command, config, id) == null)
        {
            // Whatever its state is like, a machine can be ended.
            if (command.AfterId() is [var signal, ..] && IsKill(signal))
                TryFlush(OwnMachine.FolderOf(command, config, id));
            else OwnMachine.Find(command, config, id);
        }

        LowLevelRuntime.Execute(config.LowLevelRuntime, command.Arguments);
        return 1;
    }

    internal static bool IsKill(string signal)
        => signal == "9" || signal.Equals("KILL", StringComparison.OrdinalIgnoreCase) || signal.Equals("SIGKILL", StringComparison.OrdinalIgnoreCase);

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
