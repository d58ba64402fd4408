using System.Globalization;

namespace Runcvm.Options;

/// <summary>Lists of CPUs as the kernel writes them, cpuset(7) "List format": <c>0-3,7</c>.</summary>
internal static class CpuSet
{
    // NR_CPUS of the largest kernels that distributions build.
    private const int MostCpus = 8192;

    /// <summary>How many different CPUs the list names, or null where it is no such list.</summary>
    internal static int? TryCount(string list)
    {
        var cpus = new HashSet<int>();
        foreach (string part in list.Trim().Split(',', StringSplitOptions.TrimEntries))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2 || !TryCpu(ends[0], out int first) || !TryCpu(ends[^1], out int last) || last < first) return null;
            cpus.UnionWith(Enumerable.Range(first, last - first + 1));
        }

        return cpus.Count;
    }

    private static bool TryCpu(string text, out int cpu)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out cpu) && cpu < MostCpus;
}
