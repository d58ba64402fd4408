using System.Globalization;
using Runcvm.Linux.Mounts;

namespace Runcvm.Building;

/// <summary>A tree of cgroups that bounds memory or processes: one of version 1 for each, or the one of version
/// 2.</summary>
/// <param name="Root">its folder</param>
/// <param name="Own">the cgroup of this process in it, as a path that begins with a slash</param>
/// <param name="Controllers">what it bounds of the two</param>
/// <param name="IsVersion2">else version 1</param>
internal sealed record CgroupHierarchy(string Root, string Own, IReadOnlyList<string> Controllers, bool IsVersion2)
{
    private const string Memory = "memory";
    private const string Processes = "pids";
    private const string Passed = "cgroup.subtree_control";

    /// <summary>Those of a host.</summary>
    /// <param name="mounts">what is mounted</param>
    /// <param name="own">lines of /proc/self/cgroup: HIERARCHY:CONTROLLER,…:PATH (cgroups(7))</param>
    /// <exception cref="IOException">this process does not see where it is</exception>
    internal static IReadOnlyList<CgroupHierarchy> All(IReadOnlyList<MountInfo> mounts, IReadOnlyList<string> own)
    {
        string[][] lines = [.. own.Select(static line => line.Split(':', 3)).Where(static parts => parts.Length == 3)];
        // Beside those of version 1 that of version 2 bounds nothing.
        if (Whole(mounts, static mount => mount.Type == "cgroup2") is { } unified
            && !mounts.Any(static mount => mount.Type == "cgroup" && Has(mount.SuperOptions, Memory)))
            return [Of(unified, lines.FirstOrDefault(static parts => parts[0] == "0"), [Memory, Processes], true)];
        return
        [
            .. from controller in (string[])[Memory, Processes]
               let mount = Whole(mounts, mount => mount.Type == "cgroup" && Has(mount.SuperOptions, controller))
               where mount != null
               let line = lines.FirstOrDefault(parts => Has(parts[1], controller))
               select Of(mount, line, [controller], false),
        ];
    }

    /// <summary>The folder in which a group can be made: that of the parent, or the next above that is there and passes
    /// its means on.</summary>
    /// <param name="parent">as a path in the hierarchy; null: that of this process's own</param>
    /// <exception cref="IOException">there is none</exception>
    internal string PlaceBelow(string? parent)
    {
        string? path = parent ?? Path.GetDirectoryName(Own) ?? "/";
        for (; path != null; path = Path.GetDirectoryName(path))
        {
            string folder = Root + path.TrimEnd('/');
            if (Directory.Exists(folder) && (!IsVersion2 || PassesOn(folder))) return folder;
        }

        throw new IOException($"no cgroup of {Root} passes memory and pids on");
    }

    /// <summary>Makes a group.</summary>
    internal CgroupPlace Make(string folder)
    {
        Directory.CreateDirectory(folder);
        return new CgroupPlace(folder, Root + Own.TrimEnd('/'));
    }

    /// <summary>Bounds all that is in a group together.</summary>
    internal void Limit(string folder, long memory, int processes)
    {
        if (Controllers.Contains(Memory))
        {
            Write(IsVersion2 ? "memory.max" : "memory.limit_in_bytes", memory);
            // Not every kernel counts swap. Version 1 counts both together, version 2 each.
            string swap = IsVersion2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes";
            if (File.Exists(Path.Combine(folder, swap))) Write(swap, IsVersion2 ? memory : 2 * memory);
        }

        if (Controllers.Contains(Processes)) Write("pids.max", processes);

        void Write(string file, long number)
            => File.WriteAllText(Path.Combine(folder, file), number.ToString(CultureInfo.InvariantCulture));
    }

    // A part of it may be mounted elsewhere as well.
    private static MountInfo? Whole(IReadOnlyList<MountInfo> mounts, Func<MountInfo, bool> isOne)
        => mounts.LastOrDefault(mount => isOne(mount) && mount.Root == "/") ?? mounts.LastOrDefault(isOne);

    private static bool Has(string list, string item) => list.Split(',').Contains(item);

    private static CgroupHierarchy Of(
        MountInfo mount, string[]? line, IReadOnlyList<string> controllers, bool isVersion2)
        // Others see a part of the hierarchy, and paths are of the whole one.
        => mount.Root == "/" && line is [_, _, ['/', ..] path] && !path.StartsWith("/..", StringComparison.Ordinal)
            ? new CgroupHierarchy(mount.Target, path, controllers, isVersion2)
            : throw new IOException($"the cgroup of this process is not below {mount.Target}");

    // As low-level runtimes do it for the groups that they make.
    private bool PassesOn(string folder)
    {
        string[] there = Words("cgroup.controllers");
        if (!Controllers.All(there.Contains)) return false;
        if (Controllers.All(Words(Passed).Contains)) return true;
        try
        {
            string wanted = string.Join(' ', Controllers.Select(static one => "+" + one));
            File.WriteAllText(Path.Combine(folder, Passed), wanted);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A group with processes of its own passes nothing on.
            return false;
        }

        string[] Words(string file)
            => File.ReadAllText(Path.Combine(folder, file)).Split(' ', StringSplitOptions.TrimEntries);
    }
}
