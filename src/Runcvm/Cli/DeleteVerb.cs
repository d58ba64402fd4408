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
        // A running machine is not deleted without force: the low-level runtime refuses, so its folder must stay.
        if (folder is { IsThere: true } && (force || !folder.IsRunning))
        {
            if (folder.Exists) LifeEvents.Ended(folder);
            LayerMark.Settle(folder);
            folder.Remove();
        }

        MachineNetwork.RemoveLeftOvers();
        LowLevelRuntime.Execute(config.LowLevelRuntime, command.Arguments);
        return 1;
    }
}
