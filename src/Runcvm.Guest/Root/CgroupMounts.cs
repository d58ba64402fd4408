using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Paths;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Root;

/// <summary>What a workload without systemd finds under /sys/fs/cgroup.</summary>
internal static class CgroupMounts
{
    private const string Place = "/sys/fs/cgroup";
    private const MountFlags Flags = MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec;

    /// <returns>what the kernel does not have, as sentences</returns>
    internal static IReadOnlyList<string> Add(GuestRoot root, CgroupLayout layout)
    {
        if (layout == CgroupLayout.None) return [];
        using (SafeFileHandle target = root.Directory(Place))
        {
            string path = FileDescriptor.PathOf(target);
            if (layout == CgroupLayout.Version2)
            {
                MountPoint.Add("cgroup2", path, "cgroup2", Flags);
                return [];
            }

            MountPoint.Add("tmpfs", path, "tmpfs", Flags, "mode=0755,size=4m");
        }

        string[] missing = [.. Version1Controllers().Where(controller => !TryAddVersion1(root, controller))];
        AddVersion1(root, "systemd", "none,name=systemd");
        if (layout == CgroupLayout.Hybrid)
        {
            using SafeFileHandle unified = root.Directory($"{Place}/unified");
            MountPoint.Add("cgroup2", FileDescriptor.PathOf(unified), "cgroup2", Flags);
        }

        return missing.Length == 0 ? []
            : [$"the kernel has no cgroup v1 for {string.Join(" and ", missing)}: such limits inside have no effect"];
    }

    // Kernels list controllers of which they have no v1 any more, and refuse to mount them.
    private static bool TryAddVersion1(GuestRoot root, string controller)
    {
        try
        {
            AddVersion1(root, controller, controller);
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            using SafeFileHandle place = root.Directory(Place);
            Directory.Delete($"{FileDescriptor.PathOf(place)}/{controller}");
            return false;
        }
    }

    private static void AddVersion1(GuestRoot root, string name, string options)
    {
        using SafeFileHandle target = root.Directory($"{Place}/{name}");
        MountPoint.Add("cgroup", FileDescriptor.PathOf(target), "cgroup", Flags, options);
    }

    // /proc/cgroups: name, hierarchy, number of cgroups, enabled
    private static List<string> Version1Controllers()
    {
        var controllers = new List<string>();
        foreach (string line in File.ReadLines("/proc/cgroups"))
        {
            string[] fields = line.Split('\t');
            if (fields.Length >= 4 && !line.StartsWith('#') && fields[3] == "1") controllers.Add(fields[0]);
        }

        return controllers;
    }
}
