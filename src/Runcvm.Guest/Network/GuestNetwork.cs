using Runcvm.Linux;
using Runcvm.Linux.Netlink;
using Runcvm.Protocol;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Network;

/// <summary>Gives the machine's network devices the names, addresses and routes of the container's interfaces.</summary>
internal static class GuestNetwork
{
    /// <summary>Sets everything up. Returns sentences about what was left out and why; an IPv4 network that cannot be set
    /// up is an exception.</summary>
    internal static IReadOnlyList<string> Apply(IReadOnlyList<NetworkInterface> interfaces, IReadOnlyList<KeyValuePair<string, string>> sysctls)
    {
        // Before: no device may send on a network that has no IPv6. After: only now interfaces have their names.
        foreach ((string path, string value) in sysctls) Set(path, value);
        using var netlink = new RouteNetlink();
        List<Link> devices = netlink.Links();
        // What has a kind is no device but made by a module when it was loaded: dummy0, bond0, gretap0.
        devices.RemoveAll(static link => link.HardwareType != Link.Ethernet || link.Kind != null);
        return Apply(netlink, devices, interfaces, sysctls);
    }

    internal static IReadOnlyList<string> Apply(
        RouteNetlink netlink, List<Link> devices, IReadOnlyList<NetworkInterface> interfaces, IReadOnlyList<KeyValuePair<string, string>> sysctls)
    {
        var skipped = new List<string>();
        if (netlink.FindLink("lo") is { } lo) netlink.SetUp(lo);
        Link[] links = GuestDevices.Assign(netlink, devices, interfaces);
        // Before the addresses: an interface may have IPv6 where others have not.
        foreach ((string path, string value) in sysctls) Set(path, value);
        for (int i = 0; i < links.Length; i++) SetUp(netlink, links[i], interfaces[i], skipped);
        // After all interfaces are up, so that it does not matter over which of them a gateway is reached.
        for (int i = 0; i < links.Length; i++) AddRoutes(netlink, links[i], interfaces[i], interfaces[i].Routes, skipped);
        return skipped;
    }

    /// <summary>Takes over a setting of the container's namespace.</summary>
    internal static void Set(string path, string value)
    {
        string file = "/proc/sys/" + path;
        // A kernel without IPv6 has none of its settings, and needs none that switches it off.
        if (!File.Exists(file) || File.ReadAllText(file).Trim() == value) return;
        File.WriteAllBytes(file, System.Text.Encoding.UTF8.GetBytes(value));
    }

    /// <summary>Keeps the guest's connections from beginning at ports whose answers stay on the host, whatever range it sets. It may
    /// still listen there.</summary>
    internal static void ReservePorts()
    {
        const string Path = "net/ipv4/ip_local_reserved_ports";
        string chosen = File.ReadAllText("/proc/sys/" + Path).Trim();
        Set(Path, chosen.Length == 0 ? NamespacePorts.Range : $"{chosen},{NamespacePorts.Range}");
    }

    internal static void SetUp(RouteNetlink netlink, Link link, NetworkInterface wanted, List<string> skipped)
    {
        if (!link.HardwareAddress.AsSpan().SequenceEqual(wanted.HardwareAddress))
            netlink.SetHardwareAddress(link, wanted.HardwareAddress);
        if (link.Mtu != wanted.Mtu) netlink.SetMtu(link, wanted.Mtu);
        // Before the addresses: an interface that is not up yet has none of its own making that could be in the way.
        foreach (InterfaceAddress address in wanted.Addresses)
            Try(
                () => netlink.AddAddress(link, address.Address, address.PrefixLength, address.Scope),
                address.Address.Length == 16, skipped);
        netlink.SetUp(link);
    }

    internal static void AddRoutes(
        RouteNetlink netlink, Link link, NetworkInterface wanted, IEnumerable<Route> routes, List<string> skipped)
    {
        foreach (Route route in routes)
            Try(() => netlink.AddRoute(link, ToLinkRoute(link, route, wanted)), route.Destination.Length == 16, skipped);
    }

    internal static LinkRoute ToLinkRoute(Link link, Route route, NetworkInterface wanted)
    {
        bool onLink = route.Gateway.Length > 0 && !IsReachable(route.Gateway, wanted);
        return new LinkRoute(link.Index, route.Destination, route.PrefixLength, route.Gateway, route.Scope, RouteOrigin.Boot, route.Metric, onLink);
    }

    /// <summary>Whether a network that is on the link holds the gateway.</summary>
    private static bool IsReachable(byte[] gateway, NetworkInterface wanted)
    {
        foreach (InterfaceAddress address in wanted.Addresses)
        {
            if (Prefix.Contains(address.Address, address.PrefixLength, gateway)) return true;
        }

        foreach (Route route in wanted.Routes)
        {
            if (route.Gateway.Length == 0 && Prefix.Contains(route.Destination, route.PrefixLength, gateway)) return true;
        }

        return false;
    }

    /// <summary>What is there already is fine. A kernel without IPv6 (EOPNOTSUPP), or one told not to use it here
    /// (EACCES), is the user's choice and no reason not to start.</summary>
    internal static void Try(Action add, bool tolerant, List<string> skipped)
    {
        try
        {
            add();
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
        }
        catch (LinuxException e) when (tolerant)
        {
            skipped.Add(e.Message);
        }
    }
}
