using System.Buffers.Binary;
using Runcvm.Linux.Netlink;
using Runcvm.Protocol.Messages;

namespace Runcvm.Network;

/// <summary>What a machine may send: frames from its own MAC address, packets from its own addresses, and answers about
/// nothing but these. Whoever is root of a machine can write any frame, and Docker's bridges believe what they hear.</summary>
internal static class SourceFilter
{
    // Bounds the program; engines give an interface two or three.
    private const int MostAddresses = 12;

    private const int Ethernet = 14;

    internal static PacketProgram Of(NetworkInterface card)
    {
        byte[] mac = card.HardwareAddress;
        byte[][] v4 = [.. card.Addresses.Select(static a => a.Address).Where(static a => a.Length == 4)];
        byte[][] v6 = [.. card.Addresses.Select(static a => a.Address).Where(static a => a.Length == 16)];
        if (v4.Length > MostAddresses || v6.Length > MostAddresses)
            throw new UsageException($"{card.Name} has more than {MostAddresses} addresses of one kind; RUNCVM_NET_SPOOF=1 lets the machine use any");
        var p = new PacketProgram();
        int drop = p.Label(), ip4 = p.Label(), arp = p.Label(), ip6 = p.Label();
        Same(p, 6, mac, drop);
        p.LoadHasVlanTag();
        p.JumpUnless(0, drop);
        p.Load(12, 2);
        p.JumpIf(PacketFilter.IPv4, ip4);
        p.JumpIf(PacketFilter.Arp, arp);
        p.JumpIf(PacketFilter.IPv6, ip6);
        p.Place(drop);
        p.Drop();

        // Until it has an address, a machine asks for one with 0.0.0.0.
        p.Place(ip4);
        OneOf4(p, Ethernet + 12, v4);

        // Sender's hardware address and, 6 bytes later, its IPv4 address.
        int liar = p.Label();
        p.Place(arp);
        Same(p, Ethernet + 8, mac, liar);
        OneOf4(p, Ethernet + 14, v4);
        p.Place(liar);
        p.Drop();

        p.Place(ip6);
        AddIPv6(p, v6, InterfaceIdentifier(mac));
        return p;
    }

    private static void AddIPv6(PacketProgram p, byte[][] addresses, byte[] identifier)
    {
        const int NextHeader = Ethernet + 6, Source = Ethernet + 8, Payload = Ethernet + 40, Target = Payload + 8;
        const uint HopByHop = 0, Routing = 43, Icmp = 58, DestinationOptions = 60;
        const uint RouterAdvertisement = 134, NeighbourAdvertisement = 136, Redirect = 137;
        int own = p.Label(), icmp = p.Label(), options = p.Label(), target = p.Label();
        int drop = p.Label(), pass = p.Label(), dropAdvertisement = p.Label(), passAdvertisement = p.Label();
        OneOf6(p, Source, [.. addresses, new byte[16]], identifier, own);
        p.Drop();

        p.Place(own);
        p.Load(NextHeader, 1);
        p.JumpIf(Icmp, icmp);
        p.JumpIf(HopByHop, options);
        // Nothing that a machine sends stands behind these, but advertisements could hide there.
        p.JumpIf(Routing, drop);
        p.JumpIf(DestinationOptions, drop);
        p.Pass();

        // The router alert of multicast listener reports: 8 bytes, then ICMPv6.
        p.Place(options);
        p.Load(Payload, 1);
        p.JumpUnless(Icmp, drop);
        p.Load(Payload + 1, 1);
        p.JumpUnless(0, drop);
        p.Load(Payload + 8, 1);
        foreach (uint listener in (uint[])[130, 131, 132, 143]) p.JumpIf(listener, pass);
        p.Place(drop);
        p.Drop();

        p.Place(icmp);
        p.Load(Payload, 1);
        p.JumpIf(RouterAdvertisement, dropAdvertisement);
        p.JumpIf(Redirect, dropAdvertisement);
        p.JumpIf(NeighbourAdvertisement, target);
        p.Place(pass);
        p.Pass();

        p.Place(target);
        OneOf6(p, Target, addresses, identifier, passAdvertisement);
        p.Place(dropAdvertisement);
        p.Drop();
        p.Place(passAdvertisement);
        p.Pass();
    }

    /// <summary>Goes on if six bytes are this hardware address.</summary>
    private static void Same(PacketProgram p, int offset, byte[] mac, int otherwise)
    {
        p.Load(offset);
        p.JumpUnless(BinaryPrimitives.ReadUInt32BigEndian(mac), otherwise);
        p.Load(offset + 4, 2);
        p.JumpUnless(BinaryPrimitives.ReadUInt16BigEndian(mac.AsSpan(4)), otherwise);
    }

    private static void OneOf4(PacketProgram p, int offset, byte[][] addresses)
    {
        int own = p.Label();
        p.Load(offset);
        foreach (byte[] address in addresses) p.JumpIf(BinaryPrimitives.ReadUInt32BigEndian(address), own);
        p.JumpIf(0, own);
        p.Drop();
        p.Place(own);
        p.Pass();
    }

    /// <summary>Jumps if 16 bytes are one of these addresses, or end in what the machine makes of its hardware address.</summary>
    private static void OneOf6(PacketProgram p, int offset, byte[][] addresses, byte[] identifier, int own)
    {
        p.JumpIfSame(offset + 8, identifier, own);
        foreach (byte[] address in addresses) p.JumpIfSame(offset, address, own);
    }

    /// <summary>RFC 4291, appendix A: the lower half of link-local addresses, and of those that a router gives a prefix for.</summary>
    private static byte[] InterfaceIdentifier(byte[] mac)
        => [(byte)(mac[0] ^ 2), mac[1], mac[2], 0xFF, 0xFE, mac[3], mac[4], mac[5]];
}
