using Runcvm.Egress;
using Runcvm.Linux.Netlink;
using Runcvm.Protocol;

namespace Runcvm.Network;

/// <summary>Who gets which packet: the guest has the container's addresses, but the namespace goes on using them for
/// what is done on the guest's behalf, such as Docker's resolver asking the servers outside. So the namespace keeps what
/// is for a socket of its own (<see cref="OwnSocketProgram"/>) at ports from 61440 on, which are its local ports
/// (net.ipv4.ip_local_port_range) and above those that Linux takes by default in the guest. Where the kernel cannot say
/// whose socket it is, it keeps all of TCP and UDP to these ports. Both learn of neighbours, which answer to the same
/// MAC address, and of answers to pings; all else is the guest's.</summary>
internal static class Redirection
{
    private const uint Icmp = 1;
    private const uint Tcp = 6;
    private const uint Udp = 17;
    private const uint IcmpV6 = 58;
    private const uint FragmentHeader = 44;

    private static readonly WordMatch[] Any = [];

    // Of what leaves over the container's side; before them all stands what closes it.
    private const ushort FromGuest = RouteNetlink.ClosedPriority + 1;
    private const ushort Joined = FromGuest + 1;
    private const ushort Refused = Joined + 1;

    // RFC 792: echo reply 0, unreachable 3, time exceeded 11.
    private static readonly uint[] EchoReplyAndErrorsV4 = [0, 3, 11];

    /// <summary>Everything that leaves the guest leaves the container.</summary>
    /// <param name="netlink">the namespace's</param>
    /// <param name="tap">the guest's side</param>
    /// <param name="link">the container's side</param>
    /// <param name="allowed">what the guest may send, or none for anything</param>
    /// <param name="policies">where it may send it to: all of them must agree</param>
    internal static void FromTap(
        RouteNetlink netlink, Link tap, Link link, IReadOnlyList<PacketProgram> allowed,
        IReadOnlyList<EgressPrograms> policies)
    {
        netlink.ResetFilters(tap);
        ushort priority = 1;
        foreach (PacketProgram program in allowed) netlink.AddIngressProgram(tap, priority++, program);
        foreach (EgressPrograms policy in policies) netlink.AddIngressProgram(tap, priority++, policy.Decide, "egress");
        netlink.AddIngressFilter(
            tap, new PacketFilter(PacketFilter.AnyProtocol, priority, Any, PacketAction.Redirect, link.Index));
    }

    /// <summary>What arrives for the container goes to the guest, but for the namespace's share.</summary>
    /// <param name="netlink">the namespace's</param>
    /// <param name="link">the container's side</param>
    /// <param name="tap">the guest's side</param>
    /// <param name="policies">what the guest answers is allowed by them, so they see what it is asked</param>
    /// <param name="rules">what the namespace's share is</param>
    internal static void ToTap(
        RouteNetlink netlink, Link link, Link tap, IReadOnlyList<EgressPrograms> policies, NamespaceRules rules)
    {
        Guard(netlink, link, tap, rules);
        // A refusal is for the one in the namespace who was refused, and the guest has the same addresses.
        if (rules is { LetsOut: false, Programs: not null }) netlink.AddIngressProgram(link, 1, OwnRefusal());
        foreach (PacketFilter filter in Filters(tap.Index)) netlink.AddIngressFilter(link, filter);
        netlink.AddIngressMirror(link, PacketFilter.IPv4, 5, LaterFragmentV4(), tap.Index);
        netlink.AddIngressMirror(link, PacketFilter.IPv6, 6, LaterFragmentV6(), tap.Index);
        ushort priority = 7;
        if (rules.Programs is { } programs) netlink.AddIngressProgram(link, priority++, programs.Keep, "own-socket");
        else foreach (PacketFilter filter in ReservedPorts(ref priority)) netlink.AddIngressFilter(link, filter);
        // Behind those filters: an answer that the namespace awaits is no question to the guest.
        foreach (EgressPrograms policy in policies)
            netlink.AddIngressProgram(link, priority++, policy.Record, "egress-record");
        netlink.AddIngressFilter(
            link, new PacketFilter(PacketFilter.AnyProtocol, priority, Any, PacketAction.Redirect, tap.Index));
    }

    /// <summary>Makes the filters of the container's side anew: who joined the namespace does not get out past the
    /// machine, whose rules would not hold for it. Nothing leaves meanwhile, or after a failure.</summary>
    /// <param name="netlink">the namespace's</param>
    /// <param name="link">the container's side</param>
    /// <param name="tap">the guest's side, or null where none leads there</param>
    /// <param name="rules">what the namespace's share is</param>
    internal static void Guard(RouteNetlink netlink, Link link, Link? tap, NamespaceRules rules)
    {
        netlink.CloseFilters(link, Refused);
        if (!rules.LetsOut)
        {
            if (tap != null) netlink.AddEgressFrom(link, FromGuest, tap);
            netlink.AddEgressProgram(link, Joined, JoinedFilter.Of(rules.Nameservers));
            if (rules.Programs is { } programs) netlink.AddEgressProgram(link, Refused, programs.Refuse, "refuse");
            else netlink.AddEgressProgram(link, Refused, PacketProgram.Nothing());
        }

        netlink.OpenFilters(link);
    }

    private static PacketProgram OwnRefusal()
    {
        var p = new PacketProgram();
        int other = p.Label();
        p.LoadMark();
        p.JumpUnless(RefusalProgram.Mark, other);
        p.Keep();
        p.Place(other);
        p.Pass();
        return p;
    }

    /// <summary>The namespace's ports, where nobody can see whose socket one is.</summary>
    private static IReadOnlyList<PacketFilter> ReservedPorts(ref ushort priority)
    {
        ushort v4 = priority++, v6 = priority++;
        return
        [
            new(PacketFilter.IPv4, v4, ReservedPortV4(Tcp), PacketAction.Keep),
            new(PacketFilter.IPv4, v4, ReservedPortV4(Udp), PacketAction.Keep),
            new(PacketFilter.IPv6, v6, ReservedPortV6(Tcp), PacketAction.Keep),
            new(PacketFilter.IPv6, v6, ReservedPortV6(Udp), PacketAction.Keep),
            new(PacketFilter.IPv6, v6, ReservedPortInFragmentV6(), PacketAction.Keep),
        ];
    }

    private static IEnumerable<PacketFilter> Filters(int tap)
    {
        yield return new(PacketFilter.Arp, 2, Any, PacketAction.Mirror, tap);

        // Of answers to pings and of errors nobody can say here whose they are; who did not ask does not listen.
        foreach (uint type in EchoReplyAndErrorsV4)
            yield return new(PacketFilter.IPv4, 3, IcmpV4Type(type), PacketAction.Mirror, tap);

        // RFC 4861: router solicitation 133 and advertisement 134, neighbour solicitation 135 and advertisement 136,
        // redirect 137.
        yield return new(PacketFilter.IPv6, 4, IcmpV6Types(133, 0xFF), PacketAction.Mirror, tap);
        yield return new(PacketFilter.IPv6, 4, IcmpV6Types(134, 0xFE), PacketAction.Mirror, tap);
        yield return new(PacketFilter.IPv6, 4, IcmpV6Types(136, 0xFE), PacketAction.Mirror, tap);

        // RFC 4443: unreachable 1, too big 2, time exceeded 3, echo reply 129.
        yield return new(PacketFilter.IPv6, 4, IcmpV6Types(1, 0xFF), PacketAction.Mirror, tap);
        yield return new(PacketFilter.IPv6, 4, IcmpV6Types(2, 0xFE), PacketAction.Mirror, tap);
        yield return new(PacketFilter.IPv6, 4, IcmpV6Types(129, 0xFF), PacketAction.Mirror, tap);
    }

    // Only the first fragment tells the port. The others go to both: who does not have the first one forgets them without a word.
    private static PacketProgram LaterFragmentV4()
    {
        const int FlagsAndOffset = 14 + 6;
        var p = new PacketProgram();
        p.Load(FlagsAndOffset, 2);
        return MatchIfAny(p, 0x1FFF, p.Label());
    }

    private static PacketProgram LaterFragmentV6()
    {
        const int NextHeader = 14 + 6, Offset = 14 + 40 + 2;
        var p = new PacketProgram();
        int other = p.Label();
        p.Load(NextHeader, 1);
        p.JumpUnless(FragmentHeader, other);
        p.Load(Offset, 2);
        return MatchIfAny(p, 0xFFF8, other);
    }

    private static PacketProgram MatchIfAny(PacketProgram p, uint bits, int other)
    {
        int later = p.Label();
        p.JumpIfAny(bits, later);
        p.Place(other);
        p.NoMatch();
        p.Place(later);
        p.Match();
        return p;
    }

    /// <summary>Ports are where they are looked for only in a header without options (version 4, length 5) and in the
    /// first fragment (offset 0). Reserved are those with all bits of the first one.</summary>
    private static WordMatch[] ReservedPortV4(uint protocol) =>
    [
        new(0, 0x4500_0000, 0xFF00_0000),
        new(4, 0, 0x0000_1FFF),
        new(8, protocol << 16, 0x00FF_0000),
        new(20, NamespacePorts.First, NamespacePorts.First),
    ];

    private static WordMatch[] IcmpV4Type(uint type) =>
    [
        new(0, 0x4500_0000, 0xFF00_0000),
        new(4, 0, 0x0000_1FFF),
        new(8, Icmp << 16, 0x00FF_0000),
        new(20, type << 24, 0xFF00_0000),
    ];

    /// <summary>Extension headers stand in the place of the protocol's number: they do not match.</summary>
    private static WordMatch[] ReservedPortV6(uint protocol) =>
    [
        new(4, protocol << 8, 0xFF00),
        new(40, NamespacePorts.First, NamespacePorts.First),
    ];

    /// <summary>Of the first fragment (RFC 8200, 4.5: next header, offset 0), which an answer of a nameserver may come in.</summary>
    private static WordMatch[] ReservedPortInFragmentV6() =>
    [
        new(4, FragmentHeader << 8, 0xFF00),
        new(40, Udp << 24, 0xFF00_FFF8),
        new(48, NamespacePorts.First, NamespacePorts.First),
    ];

    private static WordMatch[] IcmpV6Types(uint type, uint mask) =>
    [
        new(4, IcmpV6 << 8, 0xFF00),
        new(40, type << 24, mask << 24),
    ];
}
