using Runcvm.Guest.Network;
using Runcvm.Guest.Paths;
using Runcvm.Guest.Root;
using Runcvm.Guest.Shares;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Pods;

/// <summary>What the containers of a pod stand on: the machine has no root of its own but the first
/// process's.</summary>
internal static class PodGround
{
    /// <summary>One for all containers, as the pod's IPC namespace is.</summary>
    internal const string SharedMemory = "/pod/shm";

    /// <summary>Has a folder for each container.</summary>
    internal const string Cgroups = "/cgroup";

    internal const MountFlags Plain = MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec;

    /// <summary>The null device for containers' streams.</summary>
    internal const string Nothing = "/pod/null";

    /// <summary>Of the machine's devices in containers: what is written to a device takes no writable mount, but its
    /// mode, owner and times are the whole machine's.</summary>
    internal const MountFlags OfDevices = MountFlags.ReadOnly | MountFlags.NoSuid | MountFlags.NoExec;

    internal static GuestRoot Prepare(
        Setup setup, BootTimes times, out NetworkCards cards, out IReadOnlyList<string> notices)
    {
        RootAssembly.SetIdentity(setup);
        RootAssembly.MountModules(setup);
        // Containers come while the machine runs, which the mounts of the other way do not.
        if (SharedFolder.TryMount() == null)
            throw new InvalidDataException(
                "the guest's kernel has no driver virtiofs, which pods need; choose another with io.runcvm/kernel");
        times.Done("shares mounted");
        Node.MakeDirectory(Path.GetDirectoryName(SharedMemory)!);
        Node.MakeDirectory(SharedMemory);
        MountPoint.Add("tmpfs", SharedMemory, "tmpfs", Plain, "mode=1777");
        File.WriteAllBytes(Nothing, []);
        MountPoint.Bind("/dev/null", Nothing);
        MountPoint.Remount(Nothing, MountFlags.Bind | OfDevices);
        Node.MakeDirectory(Cgroups);
        // A container that may write to its groups does not change its own limits, nor leave them.
        MountPoint.Add("cgroup2", Cgroups, "cgroup2", Plain, "nsdelegate");
        File.WriteAllText(Cgroups + "/cgroup.subtree_control", "+memory +cpu +pids");
        cards = RootAssembly.SetNetwork(setup, times, out notices);
        return new GuestRoot();
    }
}
