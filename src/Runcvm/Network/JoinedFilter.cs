using Runcvm.Linux.Netlink;

namespace Runcvm.Network;

/// <summary>What the namespace itself may send, where containers that joined it are not let out past the machine: no
/// connection begins here but to nameservers. It sees only frames that did not come out of the machine.</summary>
internal static class JoinedFilter
{
    // Bounds the program, whose jumps are short; resolvers ask three.
    private const int MostNameservers = 12;

    private const int Ethernet = 14;
    private const uint Tcp = 6;
    private const uint Udp = 17;
    private const uint IcmpV6 = 58;
    private const uint Dns = 53;

    private static readonly byte[] Everybody = [255, 255, 255, 255];

    // ff02::1:2, RFC 8415: all servers and relays on the link.
    private static readonly byte[] DhcpServers6 = [0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2];

    /// <param name="nameservers">addresses of those that are asked from here; null where they are not known</param>
    internal static PacketProgram Of(IReadOnlyList<byte[]>? nameservers)
    {
        var p = new PacketProgram();
        int arp = p.Label(), ip4 = p.Label(), ip6 = p.Label(), pass = p.Label();
        p.Load(12, 2);
        p.JumpIf(PacketFilter.Arp, arp);
        p.JumpIf(PacketFilter.IPv4, ip4);
        p.JumpIf(PacketFilter.IPv6, ip6);
        p.Pass();
        p.Place(arp);
        p.Keep();

        p.Place(ip4);
        // Ports are not seen behind options, and not in a later fragment.
        p.Load(Ethernet, 1);
        p.JumpUnless(0x45, pass);
        p.Load(Ethernet + 6, 2);
        p.JumpIfAny(0x1FFF, pass);
        p.Load(Ethernet + 9, 1);
        AddTransport(p, new Layout(Ethernet + 16, Ethernet + 20, 0x0044_0043, Everybody), Of(nameservers, 4), pass);

        p.Place(ip6);
        int other = p.Label(), icmp = p.Label(), neighbour = p.Label();
        p.Load(Ethernet + 6, 1);
        p.JumpIf(IcmpV6, icmp);
        AddTransport(
            p, new Layout(Ethernet + 24, Ethernet + 40, 0x0222_0223, DhcpServers6), Of(nameservers, 16), other);
        p.Place(icmp);
        // RFC 4861: router solicitation, neighbour solicitation and advertisement.
        p.Load(Ethernet + 40, 1);
        foreach (uint type in (uint[])[133, 135, 136]) p.JumpIf(type, neighbour);
        p.Pass();
        p.Place(neighbour);
        p.Keep();
        return p;
    }

    // What was read last is the protocol.
    private static void AddTransport(PacketProgram p, Layout at, byte[][]? nameservers, int pass)
    {
        const uint SynAndAck = 0x12, OnlySyn = 0x02;
        int tcp = p.Label(), dns = p.Label(), keep = p.Label(), noDhcp = p.Label();
        p.JumpIf(Tcp, tcp);
        p.JumpUnless(Udp, pass);
        // Engines renew addresses here that are the machine's too. One server by its address would be anybody.
        p.Load(at.Transport);
        p.JumpUnless(at.DhcpPorts, noDhcp);
        p.JumpIfSame(at.Receiver, at.DhcpServers, keep);
        p.Place(noDhcp);
        p.Load(at.Transport + 2, 2);
        p.JumpIf(Dns, dns);
        p.Pass();

        // All but the first segment belong to a connection that somebody was let to begin.
        p.Place(tcp);
        p.Load(at.Transport + 13, 1);
        p.And(SynAndAck);
        p.JumpUnless(OnlySyn, keep);
        p.Load(at.Transport + 2, 2);
        p.JumpIf(Dns, dns);
        p.Place(pass);
        p.Pass();

        p.Place(dns);
        foreach (byte[] address in nameservers ?? []) p.JumpIfSame(at.Receiver, address, keep);
        if (nameservers != null) p.Pass();
        p.Place(keep);
        p.Keep();
    }

    private static byte[][]? Of(IReadOnlyList<byte[]>? nameservers, int length)
        => nameservers == null ? null
            : [.. nameservers.Where(address => address.Length == length).Take(MostNameservers)];

    /// <param name="Receiver">where the receiver's address is</param>
    /// <param name="Transport">where the transport's header begins</param>
    /// <param name="DhcpPorts">of a client and its server</param>
    /// <param name="DhcpServers">whom such a client may ask: all on the link</param>
    private sealed record Layout(int Receiver, int Transport, uint DhcpPorts, byte[] DhcpServers);
}
