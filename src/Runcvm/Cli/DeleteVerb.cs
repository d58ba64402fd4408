using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Planning;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>`runcvm delete`: the low-level runtime ends and deletes the sandbox first. Only then, when nobody is left
/// who could write to it, the machine's state goes, and what the machine left in shared namespaces.</summary>
internal static class DeleteVerb
{
    internal static int Run(CommandLine command, HostConfig config)
    {
        MachineFolder? folder = command.ContainerId() is { } id ? OwnMachine.FolderOf(command, config, id) : null;
        int code = 0;
        if (folder is { IsThere: true })
        {
            code = LowLevelRuntime.Run(config.LowLevelRuntime, command.Arguments).ShellCode;
            // Refused, as a rule because the machine runs; unless the low-level runtime does not know it, and never
            // will.
            if (code != 0 && (folder.IsRunning || ContainerState.Has(config.LowLevelRuntime, command, folder.Id)))
                return code;
            OrphanedMachine.End(folder);
            RemoveState(command, folder);
            MachineNetwork.RemoveLeftOvers();
            return code;
        }

        if (folder != null && PodRecord.PodOf(command, config, folder.Id) != null)
        {
            code = LowLevelRuntime.Run(config.LowLevelRuntime, command.Arguments).ShellCode;
            if (code == 0 || !ContainerState.Has(config.LowLevelRuntime, command, folder.Id))
                PodRecord.Remove(folder.Key);
            return code;
        }

        MachineNetwork.RemoveLeftOvers();
        LowLevelRuntime.Execute(config.LowLevelRuntime, command.Arguments);
        return 1;
    }

    /// <summary>`runcvm forget`: the low-level runtime calls it when the sandbox of a `run` in the foreground is
    /// gone.</summary>
    internal static int Forget(CommandLine command, string key)
    {
        MachineFolder folder = MachineFolder.OfKey(key);
        if (!folder.IsThere) return 0;
        if (folder.IsRunning) throw new UsageException($"machine {folder.Id} runs, and its state is not removed");
        RemoveState(command, folder);
        MachineNetwork.RemoveLeftOvers();
        return 0;
    }

    // The container is gone by now: no state, whatever is in it, keeps its engine from forgetting it.
    private static void RemoveState(CommandLine command, MachineFolder folder)
    {
        if (folder.Exists) LifeEvents.Ended(folder);
        LayerMark.Settle(folder);
        CloneMark.Settle(folder);
        folder.RemoveOrPutAside(out string? fault);
        if (fault != null) RuntimeLog.Error(command, fault);
    }
}
