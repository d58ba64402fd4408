namespace Runcvm.Network;

/// <summary>What engines set in a container's network namespace without a word in the spec, and what the namespace takes
/// over from the host: a container without IPv6 has not even ::1, and one on a host that routes may route.</summary>
internal static class NamespaceSysctls
{
    // "all" first: writing it writes the others.
    private static readonly string[] Groups = ["all", "default", "lo"];

    // What Docker 27 and newer set for one interface (`--sysctl net.ipv6.conf.eth0.…`, com.docker.network.endpoint.sysctls) without telling the runtime.
    private static readonly string[] OfOneInterface =
    [
        "ipv4 accept_local", "ipv4 accept_redirects", "ipv4 arp_announce", "ipv4 arp_ignore", "ipv4 forwarding", "ipv4 log_martians", "ipv4 proxy_arp",
        "ipv4 route_localnet", "ipv4 rp_filter", "ipv4 send_redirects",
        "ipv6 accept_ra", "ipv6 accept_ra_rt_info_max_plen", "ipv6 accept_redirects", "ipv6 autoconf", "ipv6 forwarding", "ipv6 proxy_ndp", "ipv6 use_tempaddr",
    ];

    /// <summary>Paths below /proc/sys and values, in the order in which they can be set.</summary>
    internal static List<KeyValuePair<string, string>> Read(IReadOnlyList<string> interfaces)
    {
        string[] names =
        [
            "net/ipv4/ip_forward",
            .. Groups.Concat(interfaces).Select(static name => $"net/ipv6/conf/{name}/disable_ipv6"),
        ];
        var sysctls = new List<KeyValuePair<string, string>>();
        foreach (string name in names)
        {
            if (Value(name) is { } value) sysctls.Add(KeyValuePair.Create(name, value));
        }

        if (interfaces.Count == 0) return sysctls;
        foreach (string setting in OfOneInterface)
        {
            string[] parts = setting.Split(' ');
            string? usual = Value(Path(parts, "default"));
            foreach (string name in interfaces)
            {
                // One that is as with every interface is the guest kernel's own affair.
                if (Value(Path(parts, name)) is { } value && value != usual) sysctls.Add(KeyValuePair.Create(Path(parts, name), value));
            }
        }

        return sysctls;
    }

    private static string Path(string[] setting, string name) => $"net/{setting[0]}/conf/{name}/{setting[1]}";

    // A host without IPv6 has none of its settings.
    private static string? Value(string name) => File.Exists("/proc/sys/" + name) ? File.ReadAllText("/proc/sys/" + name).Trim() : null;
}
