using System.Buffers.Binary;
using Runcvm.Linux.Netlink;
using Runcvm.Protocol.Messages;

namespace Runcvm.Network;

/// <summary>How a machine with a policy may look for neighbours: frames without room for anything else, that no router
/// leads further. What is in them is <see cref="SourceFilter"/>'s to look at.</summary>
internal static class NeighbourFilter
{
    private const int Ethernet = 14;
    private const uint Icmp = 58;

    // ARP is padded to what Ethernet asks for at least. An advertisement or solicitation has two options at most: an
    // address, a nonce.
    private const uint MostOfArp = 60;
    private const uint MostOfDiscovery = Ethernet + 40 + 24 + 8 + 8;

    internal static PacketProgram Of(NetworkInterface card)
    {
        const int NextHeader = Ethernet + 6, Destination = Ethernet + 24, Type = Ethernet + 40;
        var p = new PacketProgram();
        int arp = p.Label(), ip6 = p.Label(), discovery = p.Label(), drop = p.Label(), pass = p.Label();
        p.Load(12, 2);
        p.JumpIf(PacketFilter.Arp, arp);
        p.JumpIf(PacketFilter.IPv6, ip6);
        p.Pass();

        p.Place(arp);
        p.LoadLength();
        p.JumpIfMore(MostOfArp, drop);
        p.Pass();

        p.Place(ip6);
        p.Load(NextHeader, 1);
        p.JumpUnless(Icmp, pass);
        p.Load(Type, 1);
        foreach (uint type in (uint[])[133, 135, 136]) p.JumpIf(type, discovery);
        p.Pass();

        p.Place(discovery);
        p.LoadLength();
        p.JumpIfMore(MostOfDiscovery, drop);
        // To groups of this link, to its own addresses, and to others in the interface's networks.
        p.Load(Destination, 2);
        p.JumpIf(0xFF02, pass);
        p.And(0xFFC0);
        p.JumpIf(0xFE80, pass);
        foreach (InterfaceAddress address in card.Addresses.Where(static a => a.Address.Length == 16))
            Within(p, Destination, address, pass);
        p.Place(drop);
        p.Drop();
        p.Place(pass);
        p.Pass();
        return p;
    }

    private static void Within(PacketProgram p, int offset, InterfaceAddress own, int pass)
    {
        int other = p.Label();
        for (int bits = own.PrefixLength, i = 0; bits > 0; bits -= 32, i += 4)
        {
            uint mask = bits >= 32 ? uint.MaxValue : uint.MaxValue << (32 - bits);
            uint word = BinaryPrimitives.ReadUInt32BigEndian(own.Address.AsSpan(i)) & mask;
            p.Load(offset + i);
            p.And(mask);
            if (bits > 32) p.JumpUnless(word, other);
            else p.JumpIf(word, pass);
        }

        p.Place(other);
    }
}
