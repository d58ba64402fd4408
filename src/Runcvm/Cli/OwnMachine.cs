using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>The machine that an engine's call is about.</summary>
internal static class OwnMachine
{
    /// <summary>The state folder that the container has, or would have.</summary>
    internal static MachineFolder FolderOf(CommandLine command, HostConfig config, string id)
        => MachineFolder.Of(id, command.Root, () => LowLevelRuntime.DefaultRoot(config.LowLevelRuntime));

    /// <summary>The container's state folder, or null where the container is none of ours and the call goes on to the
    /// low-level runtime as it is.</summary>
    /// <exception cref="UsageException">it is ours, and its state is not there: the low-level runtime would act on the
    /// sandbox as on a plain container, and run an exec in it on the host's kernel</exception>
    internal static MachineFolder? Find(CommandLine command, HostConfig config, string id)
    {
        if (PodRecord.PodOf(command, config, id) != null)
            throw new UsageException($"{command.Verb} is not for a container of a pod that is a machine");
        MachineFolder folder = FolderOf(command, config, id);
        if (folder.Exists) return folder;
        // The folder of one that is being created; or what another version, or somebody else, has left.
        if (!folder.IsThere && !ContainerState.IsSandbox(config.LowLevelRuntime, command, id)) return null;
        throw new UsageException(
            $"{command.Verb} is refused: container {id} is a machine, and its state in {folder.FullPath} cannot "
            + "be read; stop the container (SIGKILL) and start it again");
    }
}
