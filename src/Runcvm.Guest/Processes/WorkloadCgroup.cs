using System.Globalization;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Processes;

/// <summary>Counts the workload's processes and those of execs, where their number is limited. The workload is root of the machine
/// and may leave it; it is there against accidents.</summary>
internal sealed class WorkloadCgroup
{
    private const string Place = "/cgroup";

    private readonly string _folder = Place + "/workload";

    private WorkloadCgroup()
    {
        Node.MakeDirectory(_folder);
    }

    /// <summary>Null where nothing is limited.</summary>
    internal static WorkloadCgroup? Create(Setup setup)
    {
        if (setup.ProcessLimit <= 0) return null;
        Node.MakeDirectory(Place);
        // The controller belongs to one hierarchy: the one that the workload sees.
        bool isVersion1 = setup.Cgroups is CgroupLayout.Version1 or CgroupLayout.Hybrid;
        MountPoint.Add("cgroup", Place, isVersion1 ? "cgroup" : "cgroup2", MountFlags.None, isVersion1 ? "pids" : null);
        if (!isVersion1) File.WriteAllText(Place + "/cgroup.subtree_control", "+pids");
        var group = new WorkloadCgroup();
        group.SetLimit(setup.ProcessLimit);
        return group;
    }

    /// <summary>Changes the limit; less than 1 is none.</summary>
    internal void SetLimit(long processes)
        => File.WriteAllText(_folder + "/pids.max", processes < 1 ? "max" : processes.ToString(CultureInfo.InvariantCulture));

    /// <summary>Counts a process, and from now on its children.</summary>
    internal void Add(int process) => File.WriteAllText(_folder + "/cgroup.procs", process.ToString(CultureInfo.InvariantCulture));
}
