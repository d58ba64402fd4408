using Runcvm.Linux.Mounts;

namespace Runcvm.Sandbox;

/// <summary>What the host's cgroups can limit. A low-level runtime that is asked for more than that refuses the
/// container.</summary>
/// <param name="Memory">some kernels do it only if their command line says so</param>
/// <param name="Swap">some count memory and not swap</param>
/// <param name="Processes">and their threads</param>
internal sealed record HostCgroups(bool Memory, bool Swap, bool Processes)
{
    private const string Place = "/sys/fs/cgroup";
    private const string MemoryController = "memory";
    private const string ProcessController = "pids";

    /// <summary>Nothing: the engine makes no cgroups.</summary>
    internal static HostCgroups None { get; } = new(false, false, false);

    /// <summary>Looks at this host.</summary>
    /// <param name="mounts">what is mounted</param>
    /// <param name="place">where cgroups are</param>
    /// <param name="own">tells this process's own cgroups</param>
    internal static HostCgroups Of(
        IReadOnlyList<MountInfo> mounts, string place = Place, string own = "/proc/self/cgroup")
        // Beside those of version 1 low-level runtimes do not use that of version 2.
        => mounts.LastOrDefault(mount => mount.Target == place) is { Type: "cgroup2" }
            ? OfVersion2(place, own)
            : OfVersion1([.. mounts.Where(static mount => mount.Type == "cgroup")]);

    private static HostCgroups OfVersion1(MountInfo[] mounts)
    {
        MountInfo? memory = Find(MemoryController);
        bool swap = memory != null && File.Exists(Path.Combine(memory.Target, "memory.memsw.limit_in_bytes"));
        return new HostCgroups(memory != null, swap, Find(ProcessController) != null);

        MountInfo? Find(string controller)
            => Array.Find(mounts, mount => mount.SuperOptions.Split(',').Contains(controller));
    }

    // In a container these are the ones that it was given.
    private static HostCgroups OfVersion2(string place, string own)
    {
        string[] controllers =
            File.ReadAllText(Path.Combine(place, "cgroup.controllers")).Split(' ', StringSplitOptions.TrimEntries);
        bool memory = controllers.Contains(MemoryController);
        return new HostCgroups(memory, memory && CountsSwap(place, own), controllers.Contains(ProcessController));
    }

    // Only a cgroup below the first says so.
    private static bool CountsSwap(string place, string own)
    {
        const string Start = "0::/";
        string? group = File.ReadLines(own)
            .FirstOrDefault(static line => line.StartsWith(Start, StringComparison.Ordinal))?[Start.Length..];
        return group != null && File.Exists(Path.Combine(place, group, "memory.swap.max"));
    }
}
