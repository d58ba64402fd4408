using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol.Messages;

namespace Runcvm.Cli;

/// <summary>`runcvm resume`: the low-level runtime's; a container of a pod goes on in the guest first.</summary>
internal static class ResumeVerb
{
    internal static int Run(CommandLine command, HostConfig config)
    {
        if (command.ContainerId() is { } id && PodChange.Of(command, config, id) is { } change) change.Move(Motion.Go);
        LowLevelRuntime.Execute(config.LowLevelRuntime, command.Arguments);
        return 1;
    }
}
