using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>`runcvm delete`: the machine's state folder goes, then what it left in shared namespaces, then the
/// sandbox.</summary>
internal static class DeleteVerb
{
    internal static int Run(CommandLine command, HostConfig config)
    {
        bool force = command.AfterVerb.Any(static argument => argument is "--force" or "-f");
        MachineFolder? folder = command.ContainerId() is { } id ? MachineFolder.Of(id) : null;
        if (folder is { Exists: true } && (force || !IsRunning(folder)))
        {
            LifeEvents.Ended(folder);
            folder.Remove();
        }

        MachineNetwork.RemoveLeftOvers();
        LowLevelRuntime.Execute(config.LowLevelRuntime, command.Arguments);
        return 1;
    }

    // A running machine is not deleted without force: the low-level runtime refuses, so its folder must stay.
    private static bool IsRunning(MachineFolder folder)
    {
        using SafeFileHandle? file = FileDescriptor.TryOpen(folder.Lock, OpenFlags.ReadWrite | OpenFlags.NoFollow | OpenFlags.NonBlocking);
        return file != null && !FileDescriptor.TryLock(file);
    }
}
