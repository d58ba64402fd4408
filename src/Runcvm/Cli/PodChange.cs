using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Supervisor;
using Runcvm.Syntax;

namespace Runcvm.Cli;

/// <summary>`runcvm update`, `pause`, `resume` and `kill` of a pod's container, as far as they are not the
/// stand-in's: the guest does it.</summary>
/// <param name="config">of the host</param>
/// <param name="pod">its machine</param>
/// <param name="key">what the host calls the container</param>
internal sealed class PodChange(HostConfig config, MachineFolder pod, string key)
{
    /// <summary>That of an engine's call; null where the container is of no pod of ours.</summary>
    internal static PodChange? Of(CommandLine command, HostConfig config, string id)
        => PodRecord.PodOf(command, config, id) is { } pod
            ? new PodChange(config, pod, OwnMachine.FolderOf(command, config, id).Key) : null;

    /// <summary>Sets limits. What is not said stays.</summary>
    /// <param name="resources">as `update --resources` gives them</param>
    internal void Limit(JsonObject resources)
    {
        ContainerLimits limits = ContainerPlan.Changed(resources);
        long has = pod.ReadDescription().Hardware.MemoryBytes;
        if (limits.Memory > has)
            throw new UsageException($"the machine of the pod was started with {ByteSize.Text(has)} of memory, so none "
                + $"of its containers can have {ByteSize.Text(limits.Memory)}");
        Ask(new ContainerChange { Limits = limits });
    }

    /// <summary>Has its processes stand still, or go on.</summary>
    internal void Move(Motion motion) => Ask(new ContainerChange { Motion = motion });

    /// <summary>Sends its first process a signal.</summary>
    internal void Signal(int number) => Ask(new ContainerChange { Signal = (byte)number });

    private void Ask(ContainerChange change)
    {
        try
        {
            using SafeFileHandle socket = pod.ConnectToPod();
            LimitsSet answer = ControlQuestion.Ask<ChangeContainer, LimitsSet>(
                socket, new ChangeContainer(key, change), config.BootTimeout)
                ?? throw new UsageException("the machine of the pod did not answer within "
                    + $"{config.BootTimeout.TotalSeconds} s; is it paused?");
            if (answer.Failure.Length > 0) throw new UsageException(answer.Failure);
        }
        catch (Exception e) when (e is LinuxException or WireFormatException)
        {
            throw new UsageException($"the machine of the pod ({pod.Id}) cannot be asked: {e.Message}", e);
        }
    }
}
