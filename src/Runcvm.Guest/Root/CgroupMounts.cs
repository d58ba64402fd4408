using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Paths;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Root;

/// <summary>What a workload without systemd finds under /sys/fs/cgroup.</summary>
internal static class CgroupMounts
{
    private const string Place = "/sys/fs/cgroup";
    private const MountFlags Flags = MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec;

    internal static void Add(GuestRoot root, CgroupLayout layout)
    {
        if (layout == CgroupLayout.None) return;
        using (SafeFileHandle target = root.Directory(Place))
        {
            string path = FileDescriptor.PathOf(target);
            if (layout == CgroupLayout.Version2)
            {
                MountPoint.Add("cgroup2", path, "cgroup2", Flags);
                return;
            }

            MountPoint.Add("tmpfs", path, "tmpfs", Flags, "mode=0755,size=4m");
        }

        foreach (string controller in Version1Controllers()) AddVersion1(root, controller, controller);
        AddVersion1(root, "systemd", "none,name=systemd");
        if (layout != CgroupLayout.Hybrid) return;
        using SafeFileHandle unified = root.Directory($"{Place}/unified");
        MountPoint.Add("cgroup2", FileDescriptor.PathOf(unified), "cgroup2", Flags);
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
