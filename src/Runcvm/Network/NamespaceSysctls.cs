namespace Runcvm.Network;

/// <summary>What engines set in a container's network namespace without a word in the spec, and what the namespace takes
/// over from the host: a container without IPv6 has not even ::1, and one on a host that routes may route.</summary>
internal static class NamespaceSysctls
{
    // "all" first: writing it writes the others.
    private static readonly string[] Groups = ["all", "default", "lo"];

    /// <summary>Paths below /proc/sys and values, in the order in which they can be set.</summary>
    internal static List<KeyValuePair<string, string>> Read(IEnumerable<string> interfaces)
    {
        string[] names =
        [
            "net/ipv4/ip_forward",
            .. Groups.Concat(interfaces).Select(static name => $"net/ipv6/conf/{name}/disable_ipv6"),
        ];
        var sysctls = new List<KeyValuePair<string, string>>();
        foreach (string name in names)
        {
            string path = "/proc/sys/" + name;
            // A host without IPv6 has none of its settings.
            if (File.Exists(path)) sysctls.Add(KeyValuePair.Create(name, File.ReadAllText(path).Trim()));
        }

        return sysctls;
    }
}
