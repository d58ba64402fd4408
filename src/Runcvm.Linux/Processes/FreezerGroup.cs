using System.Globalization;
using Runcvm.Linux.Mounts;

namespace Runcvm.Linux.Processes;

/// <summary>The cgroup with which the kernel freezes a process: its only one, or with cgroup v1 that of the freezer.</summary>
public sealed class FreezerGroup
{
    private const string Members = "cgroup.procs";

    // PF_KTHREAD of include/linux/sched.h, which is the flags' field of proc_pid_stat(5).
    private const uint KernelThread = 0x00200000;

    private readonly string _root;
    private readonly string _folder;
    private readonly string _proc;
    private readonly bool _isVersion1;

    private FreezerGroup(string root, string path, string proc, bool isVersion1)
    {
        _root = root;
        _folder = root + path;
        _proc = proc;
        _isVersion1 = isVersion1;
    }

    /// <summary>That of a process, or null where it has ended, or where this process does not see the group.</summary>
    /// <param name="process">its number</param>
    /// <param name="proc">where proc is mounted</param>
    public static FreezerGroup? TryOf(int process, string proc = "/proc")
    {
        try
        {
            string[] groups = File.ReadAllLines($"{proc}/{process}/cgroup");
            IReadOnlyList<MountInfo> mounts = MountInfo.ReadAll($"{proc}/self/mountinfo");
            return TryFind(groups, mounts, proc, isVersion1: true) ?? TryFind(groups, mounts, proc, isVersion1: false);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Moves the kernel's own threads out of it. The kernel freezes none of them, and does not count a group as frozen while there is
    /// one: before Linux 6.14 a thread of KVM's (`kvm-nx-lpage-recovery`) is in the group of whoever made the machine, before 6.4 vhost's too.</summary>
    public void ReleaseKernelThreads()
    {
        try
        {
            foreach (string member in File.ReadAllLines(Path.Combine(_folder, Members)))
            {
                if (IsKernelThread(member)) TryWrite(Path.Combine(_root, Members), member);
            }
        }
        catch (IOException)
        {
            // The group is gone, of which whoever freezes it says more.
        }
    }

    /// <summary>Lets everything in it go on.</summary>
    /// <returns>false when the group is gone</returns>
    public bool TryThaw() => _isVersion1 ? TryWrite(Path.Combine(_folder, "freezer.state"), "THAWED") : TryWrite(Path.Combine(_folder, "cgroup.freeze"), "0");

    // A thread may have ended, or may have to stay: then it cannot be frozen, and whoever freezes says so.
    private static bool TryWrite(string path, string text)
    {
        try
        {
            File.WriteAllText(path, text);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static FreezerGroup? TryFind(string[] groups, IReadOnlyList<MountInfo> mounts, string proc, bool isVersion1)
    {
        // cgroups(7): HIERARCHY:CONTROLLER,…:PATH, the hierarchy of version 2 with the number 0 and without controllers.
        string[]? group = groups.Select(static line => line.Split(':', 3)).FirstOrDefault(fields => fields.Length == 3 && (isVersion1
            ? fields[1].Split(',').Contains("freezer") : fields[0] == "0"));
        MountInfo? mount = mounts.FirstOrDefault(mount => isVersion1
            ? mount.Type == "cgroup" && mount.SuperOptions.Split(',').Contains("freezer") : mount.Type == "cgroup2");
        // A path that begins so is outside what this process sees of the hierarchy.
        return group == null || mount is not { Root: "/" } || group[2].StartsWith("/..", StringComparison.Ordinal)
            ? null : new FreezerGroup(mount.Target, group[2], proc, isVersion1);
    }

    // One that is of another pid namespace has the number 0.
    private bool IsKernelThread(string member)
    {
        if (member == "0") return false;
        try
        {
            string flags = OtherProcess.Status(int.Parse(member, CultureInfo.InvariantCulture), _proc)[6];
            return (uint.Parse(flags, CultureInfo.InvariantCulture) & KernelThread) != 0;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
