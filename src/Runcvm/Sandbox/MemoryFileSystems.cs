using System.Globalization;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;

namespace Runcvm.Sandbox;

/// <summary>File systems of the host that lie in its memory (tmpfs). What a machine writes there counts as memory of
/// its sandbox, and nothing but its removal makes it less.</summary>
/// <param name="mounts">of the host</param>
/// <param name="hostMemory">bytes: more than that nothing holds</param>
internal sealed class MemoryFileSystems(IReadOnlyList<MountInfo> mounts, long hostMemory)
{
    // The kernel puts no more of them above each other.
    private const int MostLevels = 2;

    /// <summary>How much can be written at these places, and below them.</summary>
    internal long Bytes(IEnumerable<string> places)
    {
        var found = new HashSet<MountInfo>();
        foreach (string place in places) Add(found, RealPath.Of(place) ?? place);
        long bytes = 0;
        foreach (MountInfo mount in found) bytes = Math.Min(hostMemory, bytes + SizeOf(mount));
        return bytes;
    }

    /// <summary>Bytes of memory that this host has.</summary>
    internal static long OfHost(string file = "/proc/meminfo")
    {
        const string Start = "MemTotal:";
        string line = File.ReadLines(file).First(static line => line.StartsWith(Start, StringComparison.Ordinal));
        return Kibibytes(line[Start.Length..].Trim().Split(' ')[0]);
    }

    private void Add(HashSet<MountInfo> found, string place)
    {
        if (Around(place) is { } around) Look(found, around);
        foreach (MountInfo mount in mounts.Where(mount => mount.Target != place && IsIn(mount.Target, place)))
            Look(found, mount);
    }

    private MountInfo? Around(string place)
    {
        MountInfo? around = null;
        foreach (MountInfo mount in mounts)
        {
            // Of mounts at one place the last hides the others.
            bool isInner = around == null || mount.Target.Length >= around.Target.Length;
            if (isInner && IsIn(place, mount.Target)) around = mount;
        }

        return around;
    }

    private void Look(HashSet<MountInfo> found, MountInfo mount)
    {
        // What is written to an overlay lies elsewhere, in a live system where nobody sees it: that is in memory.
        for (int levels = 0; mount.Type == "overlay"; levels++)
        {
            if (mount.SuperOption("upperdir") is not { } upper || Around(upper) is not { } below) return;
            if (below == mount || levels == MostLevels) break;
            mount = below;
        }

        if (mount.Type is "tmpfs" or "ramfs" or "overlay") found.Add(mount);
    }

    // Half of the memory is what a tmpfs has of itself, and 0 is no bound.
    private long SizeOf(MountInfo mount)
    {
        if (mount.Type != "tmpfs") return hostMemory;
        long bytes = mount.SuperOption("size") is { } size ? Kibibytes(size.TrimEnd('k')) : hostMemory / 2;
        return bytes == 0 ? hostMemory : bytes;
    }

    private static long Kibibytes(string number)
        => checked(long.Parse(number, NumberStyles.None, CultureInfo.InvariantCulture) * 1024);

    private static bool IsIn(string path, string folder)
        => folder == "/" || path == folder || path.StartsWith(folder + "/", StringComparison.Ordinal);
}
