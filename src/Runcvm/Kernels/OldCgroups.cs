namespace Runcvm.Kernels;

/// <summary>Whether a kernel still has all of cgroup v1. Since Linux 6.11 and 6.12 its controllers of memory and
/// cpusets are options of their own, which distributions leave out.</summary>
internal static class OldCgroups
{
    private static readonly (string Symbol, string Controller)[] Parts =
        [("CONFIG_MEMCG_V1", "memory"), ("CONFIG_CPUSETS_V1", "cpuset")];

    /// <summary>What the user is told who asked for v1; null where all of it is there.</summary>
    internal static string? Notice(Kernel kernel)
    {
        string config = Path.Combine(kernel.Folder, "config");
        if (!File.Exists(config)) return null;
        // Older kernels name neither.
        HashSet<string> lines = [.. File.ReadLines(config).Where(static line => line.StartsWith('#'))];
        (string Symbol, string Controller)[] missing =
            [.. Parts.Where(part => lines.Contains($"# {part.Symbol} is not set"))];
        if (missing.Length == 0) return null;
        return $"kernel {kernel.Name} has no cgroup v1 for {And(missing.Select(static part => part.Controller))} "
            + $"({And(missing.Select(static part => part.Symbol))} {(missing.Length == 1 ? "is" : "are")} not set), so "
            + "such limits inside have no effect; take cgroup v2, an older kernel, or the tuned one "
            + "(runcvm kernel build)";
    }

    private static string And(IEnumerable<string> words) => string.Join(" and ", words);
}
