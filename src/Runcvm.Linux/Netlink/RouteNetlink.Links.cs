using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Netlink;

public sealed partial class RouteNetlink
{
    // struct ifinfomsg
    private const int LinkHeaderSize = 16;

    /// <summary>All interfaces, in the order of their numbers.</summary>
    public List<Link> Links()
    {
        var links = new List<Link>();
        _socket.Dump(ListLinksRequest, "list network interfaces", links.Clear, (type, payload) =>
        {
            if (type == Libc.RTM_NEWLINK && payload.Length >= LinkHeaderSize) links.Add(ReadLink(payload));
        });
        links.Sort(static (a, b) => a.Index.CompareTo(b.Index));
        return links;
    }

    /// <summary>The interface of that name, or null.</summary>
    public Link? FindLink(string name) => Links().Find(link => link.Name == name);

    /// <summary>Switches the interface on.</summary>
    public void SetUp(Link link) => _socket.Request(FlagsRequest(link, LinkFlags.Up), $"set {link.Name} up");

    /// <summary>Switches the interface off. Its IPv6 addresses and its routes go.</summary>
    public void SetDown(Link link) => _socket.Request(FlagsRequest(link, 0), $"set {link.Name} down");

    /// <summary>Removes the interface, with its filters and routes.</summary>
    public void Remove(Link link) => _socket.Request(ChangeLink(link, type: Libc.RTM_DELLINK), $"remove {link.Name}");

    /// <summary>Sets the largest packet, in bytes.</summary>
    public void SetMtu(Link link, uint mtu)
    {
        NetlinkWriter w = ChangeLink(link);
        w.Attribute(Libc.IFLA_MTU, mtu);
        _socket.Request(w, $"set mtu {mtu} on {link.Name}");
    }

    /// <summary>Sets the MAC address. Most interfaces must be down for that.</summary>
    public void SetHardwareAddress(Link link, byte[] address)
    {
        NetlinkWriter w = ChangeLink(link);
        w.Attribute(Libc.IFLA_ADDRESS, address);
        _socket.Request(w, $"set hardware address {Convert.ToHexStringLower(address)} on {link.Name}");
    }

    /// <summary>Gives the interface another name. It must be down for that.</summary>
    public Link Rename(Link link, string name)
    {
        NetlinkWriter w = ChangeLink(link);
        w.Attribute(Libc.IFLA_IFNAME, name);
        _socket.Request(w, $"rename {link.Name} to {name}");
        return link with { Name = name };
    }

    /// <summary>Moves the interface to another network namespace. It is down there, and without addresses.</summary>
    public void Move(Link link, SafeFileHandle networkNamespace)
    {
        NetlinkWriter w = ChangeLink(link);
        w.Attribute(Libc.IFLA_NET_NS_FD, (uint)networkNamespace.DangerousGetHandle());
        _socket.Request(w, $"move {link.Name} to another network namespace");
    }

    /// <summary>IN6_ADDR_GEN_MODE_NONE: the interface gets no IPv6 address of its own making when it comes up.
    /// False where the kernel or the interface has no IPv6.</summary>
    public bool TryDisableAddressGeneration(Link link)
    {
        NetlinkWriter w = ChangeLink(link);
        using (w.Nested(Libc.IFLA_AF_SPEC))
        using (w.Nested(Libc.AF_INET6))
        using (w.Nested(Libc.IFLA_INET6_ADDR_GEN_MODE)) w.Byte(Libc.IN6_ADDR_GEN_MODE_NONE);
        try
        {
            _socket.Request(w, $"disable IPv6 address generation on {link.Name}");
            return true;
        }
        catch (LinuxException e) when (e.Errno is Errno.EAFNOSUPPORT or Errno.EOPNOTSUPP or Errno.EINVAL)
        {
            return false;
        }
    }

    internal static NetlinkWriter FlagsRequest(Link link, LinkFlags up)
        => ChangeLink(link, (uint)up, (uint)LinkFlags.Up);

    private static NetlinkWriter ListLinksRequest()
    {
        var w = new NetlinkWriter(Libc.RTM_GETLINK, Libc.NLM_F_DUMP);
        w.Zeros(LinkHeaderSize);
        return w;
    }

    private static NetlinkWriter ChangeLink(Link link, uint flags = 0, uint change = 0, ushort type = Libc.RTM_NEWLINK)
    {
        var w = new NetlinkWriter(type, Libc.NLM_F_ACK);
        w.Zeros(4);
        w.Int32(link.Index);
        w.UInt32(flags);
        w.UInt32(change);
        return w;
    }

    private static Link ReadLink(ReadOnlySpan<byte> payload)
    {
        string name = "";
        string? kind = null;
        byte[] hardwareAddress = [];
        uint mtu = 0;
        var r = new NetlinkReader(payload[LinkHeaderSize..]);
        while (r.Next())
        {
            switch (r.Type)
            {
                case Libc.IFLA_IFNAME: name = r.Text; break;
                case Libc.IFLA_ADDRESS: hardwareAddress = r.Value.ToArray(); break;
                case Libc.IFLA_MTU: mtu = r.UInt32; break;
                case Libc.IFLA_LINKINFO: kind = ReadKind(r.Value); break;
            }
        }

        return new Link(
            BinaryPrimitives.ReadInt32LittleEndian(payload[4..]), name, BinaryPrimitives.ReadUInt16LittleEndian(payload[2..]),
            (LinkFlags)BinaryPrimitives.ReadUInt32LittleEndian(payload[8..]), hardwareAddress, mtu, kind);
    }

    private static string? ReadKind(ReadOnlySpan<byte> info)
    {
        var r = new NetlinkReader(info);
        while (r.Next())
        {
            if (r.Type == Libc.IFLA_INFO_KIND) return r.Text;
        }

        return null;
    }
}
