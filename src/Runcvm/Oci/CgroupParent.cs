using System.Text;
using System.Text.Json.Nodes;

namespace Runcvm.Oci;

/// <summary>Where in the host's cgroups a container's will be made.</summary>
internal static class CgroupParent
{
    private const string Slice = ".slice";
    private const string UsualSlice = "system.slice";

    /// <summary>The cgroup above the container's, as a path that begins with a slash, or null where the spec does not
    /// say.</summary>
    /// <param name="linux">of the spec</param>
    internal static string? Of(JsonNode? linux)
    {
        string? path = linux?["cgroupsPath"]?.GetValue<string>();
        if (path == null || path.Split('/').Contains("..")) return null;
        if (path.StartsWith('/')) return Path.GetDirectoryName(path.TrimEnd('/'));
        // SLICE:PREFIX:NAME, where systemd makes it.
        return path.Split(':') is [var slice, _, _] ? OfSlice(slice.Length == 0 ? UsualSlice : slice) : null;
    }

    // systemd.slice(5): a-b.slice lies in a.slice, and -.slice is the first of all.
    private static string? OfSlice(string slice)
    {
        if (slice == "-" + Slice) return "/";
        if (slice.Contains('/') || !slice.EndsWith(Slice, StringComparison.Ordinal)) return null;
        var path = new StringBuilder();
        string name = "";
        foreach (string part in slice[..^Slice.Length].Split('-'))
        {
            if (part.Length == 0) return null;
            name += (name.Length == 0 ? "" : "-") + part;
            path.Append('/').Append(name).Append(Slice);
        }

        return path.ToString();
    }
}
