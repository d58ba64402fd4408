using Runcvm.Linux.Netlink;
using Runcvm.Protocol.Messages;

namespace Runcvm.Network;

/// <summary>Which interfaces of a namespace are the container's, and what a copy of one needs to know.</summary>
internal static class ContainerInterface
{
    private const byte LinkLocalScope = 253;

    /// <summary>Whether a container engine made this interface to connect the container.</summary>
    internal static bool IsOne(Link link, List<LinkAddress> addresses)
        // Some kernels put gretap0, erspan0 and the like, which nobody uses, into every namespace.
        => MayBeOne(link)
            && ((link.Flags & LinkFlags.Up) != 0 || addresses.Exists(address => address.LinkIndex == link.Index));

    /// <summary>Whether it is one, or may become one when it is switched on.</summary>
    internal static bool MayBeOne(Link link)
        => link.HardwareType == Link.Ethernet && (link.Flags & LinkFlags.Loopback) == 0
            // Ethernet too, but with no cable to the outside: a tap of ours, or what somebody made inside.
            && link.Kind is not ("tun" or "bridge" or "dummy" or "ifb");

    internal static NetworkInterface Describe(Link link, List<LinkAddress> addresses, List<LinkRoute> routes)
        => new(
            link.Name,
            link.HardwareAddress,
            link.Mtu,
            [.. addresses
                .Where(address => address.LinkIndex == link.Index && IsLasting(address))
                .Select(address => new InterfaceAddress(address.Address, address.PrefixLength, address.Scope))],
            [.. routes
                .Where(route => route.LinkIndex == link.Index && IsGiven(route))
                // A gateway must be reachable when its route is added.
                .OrderBy(route => route.Gateway.Length > 0)
                .Select(route => new Route(route.Destination, route.PrefixLength, route.Gateway, route.Scope, route.Metric))]);

    /// <summary>Whether the guest should have the address from us. What a router gave it gives the guest as well, with a
    /// lifetime; a tentative address (IPv6 link-local ones are for two seconds) is the container's nevertheless.</summary>
    private static bool IsLasting(LinkAddress address)
    {
        if ((address.Flags & AddressFlags.Duplicate) != 0) return false;
        return !address.IsIPv6 || address.Scope == LinkLocalScope || (address.Flags & AddressFlags.Permanent) != 0;
    }

    /// <summary>The kernel's own routes come with the addresses, and a router's come from the router.</summary>
    private static bool IsGiven(LinkRoute route)
        => route.Origin is not (RouteOrigin.Kernel or RouteOrigin.RouterAdvertisement);
}
