using Runcvm.Linux.Netlink;

namespace Runcvm.Network;

/// <summary>Who gets which packet: the guest has the container's addresses, but the namespace goes on using them for what
/// is done on the guest's behalf, such as Docker's resolver asking the servers outside. So the namespace keeps TCP and
/// UDP to ports from 61440 on, which are its own local ports (net.ipv4.ip_local_port_range) and above those that Linux
/// takes by default in the guest; both learn of neighbours, which answer to the same MAC address; all else is the guest's.</summary>
internal static class Redirection
{
    private const uint Tcp = 6;
    private const uint Udp = 17;
    private const uint IcmpV6 = 58;

    private static readonly WordMatch[] Any = [];

    /// <summary>Everything that leaves the guest leaves the container.</summary>
    internal static void FromTap(RouteNetlink netlink, Link tap, Link link)
    {
        netlink.ResetIngress(tap);
        netlink.AddIngressFilter(tap, new PacketFilter(PacketFilter.AnyProtocol, 1, Any, PacketAction.Redirect, link.Index));
    }

    /// <summary>What arrives for the container goes to the guest, but for the namespace's share.</summary>
    internal static void ToTap(RouteNetlink netlink, Link link, Link tap)
    {
        netlink.ResetIngress(link);
        foreach (PacketFilter filter in Filters(tap.Index)) netlink.AddIngressFilter(link, filter);
    }

    internal static IEnumerable<PacketFilter> Filters(int tap)
    {
        yield return new(PacketFilter.Arp, 1, Any, PacketAction.Mirror, tap);

        yield return new(PacketFilter.IPv4, 2, ReservedPortV4(Tcp), PacketAction.Keep);
        yield return new(PacketFilter.IPv4, 2, ReservedPortV4(Udp), PacketAction.Keep);

        // RFC 4861: router solicitation 133 and advertisement 134, neighbour solicitation 135 and advertisement 136,
        // redirect 137.
        yield return new(PacketFilter.IPv6, 3, IcmpV6Types(133, 0xFF), PacketAction.Mirror, tap);
        yield return new(PacketFilter.IPv6, 3, IcmpV6Types(134, 0xFE), PacketAction.Mirror, tap);
        yield return new(PacketFilter.IPv6, 3, IcmpV6Types(136, 0xFE), PacketAction.Mirror, tap);
        yield return new(PacketFilter.IPv6, 3, ReservedPortV6(Tcp), PacketAction.Keep);
        yield return new(PacketFilter.IPv6, 3, ReservedPortV6(Udp), PacketAction.Keep);

        yield return new(PacketFilter.AnyProtocol, 4, Any, PacketAction.Redirect, tap);
    }

    /// <summary>Ports are where they are looked for only in a header without options (version 4, length 5) and in the
    /// first fragment (offset 0).</summary>
    private static WordMatch[] ReservedPortV4(uint protocol) =>
    [
        new(0, 0x4500_0000, 0xFF00_0000),
        new(4, 0, 0x0000_1FFF),
        new(8, protocol << 16, 0x00FF_0000),
        new(20, 0xF000, 0xF000),
    ];

    /// <summary>Extension headers, fragments among them, stand in the place of the protocol's number: they do not match.</summary>
    private static WordMatch[] ReservedPortV6(uint protocol) =>
    [
        new(4, protocol << 8, 0xFF00),
        new(40, 0xF000, 0xF000),
    ];

    private static WordMatch[] IcmpV6Types(uint type, uint mask) =>
    [
        new(4, IcmpV6 << 8, 0xFF00),
        new(40, type << 24, mask << 24),
    ];
}
