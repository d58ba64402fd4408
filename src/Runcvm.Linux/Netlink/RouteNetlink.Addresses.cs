using System.Buffers.Binary;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Netlink;

public sealed partial class RouteNetlink
{
    // struct ifaddrmsg
    private const int AddressHeaderSize = 8;

    /// <summary>All addresses of all interfaces, IPv4 and IPv6.</summary>
    public List<LinkAddress> Addresses()
    {
        var addresses = new List<LinkAddress>();
        _socket.Dump(ListAddressesRequest, "list network addresses", addresses.Clear, (type, payload) =>
        {
            if (type == Libc.RTM_NEWADDR && payload.Length >= AddressHeaderSize && ReadAddress(payload) is { } address)
                addresses.Add(address);
        });
        return addresses;
    }

    /// <summary>Adds an address. IPv6 ones are usable at once: nobody is asked whether they are in use.</summary>
    /// <param name="link">the interface</param>
    /// <param name="address">4 or 16 bytes</param>
    /// <param name="prefixLength">bits of the network's part, for which the kernel adds a route</param>
    /// <param name="scope">RT_SCOPE_* of rtnetlink(7)</param>
    public void AddAddress(Link link, byte[] address, byte prefixLength, byte scope)
        => _socket.Request(
            AddAddressRequest(link, address, prefixLength, scope),
            $"add address {Text(address)}/{prefixLength} to {link.Name}");

    /// <summary>Takes an address away, and the kernel's routes for its network.</summary>
    public void RemoveAddress(Link link, byte[] address, byte prefixLength)
        => _socket.Request(
            AddressRequest(Libc.RTM_DELADDR, Libc.NLM_F_ACK, link, address, prefixLength, 0),
            $"remove address {Text(address)}/{prefixLength} from {link.Name}");

    internal static NetlinkWriter AddAddressRequest(Link link, byte[] address, byte prefixLength, byte scope)
        => AddressRequest(Libc.RTM_NEWADDR, Libc.NLM_F_ACK | Libc.NLM_F_CREATE | Libc.NLM_F_EXCL, link, address, prefixLength, scope);

    private static NetlinkWriter AddressRequest(ushort type, ushort flags, Link link, byte[] address, byte prefixLength, byte scope)
    {
        var w = new NetlinkWriter(type, flags);
        bool ipv6 = address.Length == 16;
        w.Byte(Family(address));
        w.Byte(prefixLength);
        w.Byte(ipv6 ? (byte)AddressFlags.NoDuplicateDetection : (byte)0);
        w.Byte(scope);
        w.Int32(link.Index);
        w.Attribute(Libc.IFA_LOCAL, address);
        w.Attribute(Libc.IFA_ADDRESS, address);
        // Networks of one or two addresses (/32, /31) have no broadcast address.
        if (!ipv6 && prefixLength < 31 && (link.Flags & LinkFlags.Loopback) == 0)
            w.Attribute(Libc.IFA_BROADCAST, Broadcast(address, prefixLength));
        return w;
    }

    private static byte[] Broadcast(byte[] address, byte prefixLength)
    {
        byte[] broadcast = [0, 0, 0, 0];
        uint network = BinaryPrimitives.ReadUInt32BigEndian(address);
        BinaryPrimitives.WriteUInt32BigEndian(broadcast, network | (uint.MaxValue >> prefixLength));
        return broadcast;
    }

    private static NetlinkWriter ListAddressesRequest()
    {
        var w = new NetlinkWriter(Libc.RTM_GETADDR, Libc.NLM_F_DUMP);
        w.Zeros(AddressHeaderSize);
        return w;
    }

    private static LinkAddress? ReadAddress(ReadOnlySpan<byte> payload)
    {
        byte[]? local = null;
        byte[]? address = null;
        uint flags = payload[2];
        var r = new NetlinkReader(payload[AddressHeaderSize..]);
        while (r.Next())
        {
            switch (r.Type)
            {
                case Libc.IFA_LOCAL: local = r.Value.ToArray(); break;
                case Libc.IFA_ADDRESS: address = r.Value.ToArray(); break;
                // The header's flags are the lower 8 bits of these.
                case Libc.IFA_FLAGS: flags = r.UInt32; break;
            }
        }

        // On point-to-point links IFA_ADDRESS is the other end; elsewhere IFA_LOCAL, if present, is the same.
        byte[]? own = local ?? address;
        if (own?.Length is not (4 or 16)) return null;
        return new LinkAddress(
            BinaryPrimitives.ReadInt32LittleEndian(payload[4..]), own, payload[1], payload[3], (AddressFlags)flags);
    }
}
