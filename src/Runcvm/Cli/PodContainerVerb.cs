using Microsoft.Win32.SafeHandles;
using Runcvm.Installation;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>`runcvm create` of a pod's container: the pod's machine gets it, and the low-level runtime a stand-in. What
/// is wrong with its program is found here, so that the engine's user sees the same words as with runc.</summary>
internal static class PodContainerVerb
{
    internal static int Run(CommandLine command, HostConfig config, Bundle bundle, string id, PodRole role)
    {
        string key = OwnMachine.FolderOf(command, config, id).Key;
        MachineFolder pod = OwnMachine.FolderOf(command, config, role.Sandbox);
        try
        {
            ContainerPlan plan = ContainerPlan.Of(bundle, role.Sandbox, HasInput(), config.GuestArchitecture);
            SafeFileHandle connection = Join(config, pod, key, plan);
            PodRecord.Write(key, pod.Key);
            HostCgroups cgroups = command.HasNoCgroups ? HostCgroups.None : HostCgroups.Of(MountInfo.ReadAll());
            StandInSpec.Rewrite(
                bundle.Spec, key, SandboxSkeleton.Place, InstalledFiles.Own(config).Host, cgroups,
                StandInSpec.OomScore);
            SandboxSkeleton.Ensure();
            string sandbox = bundle.SaveForSandbox();
            HandedFiles.Place([connection]);
            LowLevelRuntime.Execute(
                config.LowLevelRuntime, CreateVerb.Arguments(command, sandbox), HandedFiles.Variables(1));
        }
        catch (Exception e)
        {
            PodRecord.Remove(key);
            LifeEvents.NotCreated(id, Reason.Of(e));
            throw;
        }

        return 1;
    }

    private static SafeFileHandle Join(HostConfig config, MachineFolder pod, string key, ContainerPlan plan)
    {
        var trees = new List<SafeFileHandle>();
        try
        {
            foreach ((string path, bool recursive, bool readOnly) in plan.Sources)
                trees.Add(MountTree.Copy(path, recursive, readOnly));
            var order = new JoinPod(key, plan.Setup, [.. plan.Sources.Select(static source => source.ReadOnly)])
            {
                Target = plan.Target is { } process ? PodTarget.KeyOf(process) : "",
            };
            return PodConnection.Open(pod, order, trees, config.BootTimeout);
        }
        finally
        {
            foreach (SafeFileHandle tree in trees) tree.Dispose();
        }
    }

    private static bool HasInput()
        => FileStatus.TryOf("/proc/self/fd/0", followLinks: true) is not { IsNullDevice: true };
}
