using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Processes;

/// <summary>Counts the workload's processes and those of execs, where their number is limited. The workload is root of the machine
/// and may leave it; it is there against accidents.</summary>
internal sealed class WorkloadCgroup
{
    private const string Place = "/cgroup";

    private const string Group = "/workload";

    private readonly string _folder = Place + Group;
    private int _workload;

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

    /// <summary>Counts the workload, and from now on its children.</summary>
    internal void AddWorkload(int process)
    {
        Add(process, Group);
        _workload = process;
    }

    /// <summary>Counts an exec's process, and from now on its children.</summary>
    internal void Add(int process)
    {
        try
        {
            Add(process, Group);
        }
        catch (LinuxException e) when (e.Errno == Errno.EBUSY)
        {
            // A workload that makes groups of its own, as systemd does, has left this one, and nobody can be beside groups: cgroups(7),
            // "no internal processes". Where it is now, there is room.
            Add(process, WorkloadsPlace());
        }
    }

    private static void Add(int process, string group)
    {
        using SafeFileHandle members = FileDescriptor.Open($"{Place}{group}/cgroup.procs", OpenFlags.WriteOnly);
        FileDescriptor.WriteAll(members, Encoding.ASCII.GetBytes(process.ToString(CultureInfo.InvariantCulture)));
    }

    private string WorkloadsPlace()
    {
        const string Version2 = "0::";
        return File.ReadLines($"/proc/{_workload}/cgroup").FirstOrDefault(static line => line.StartsWith(Version2, StringComparison.Ordinal))?[Version2.Length..] ?? Group;
    }
}
