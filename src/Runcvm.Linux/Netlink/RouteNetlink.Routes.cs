using System.Buffers.Binary;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Netlink;

public sealed partial class RouteNetlink
{
    // struct rtmsg
    private const int RouteHeaderSize = 12;

    /// <summary>The unicast routes of the main table, IPv4 and IPv6. Routes that spread over several interfaces are
    /// left out.</summary>
    public List<LinkRoute> Routes()
    {
        var routes = new List<LinkRoute>();
        _socket.Dump(ListRoutesRequest, "list routes", routes.Clear, (type, payload) =>
        {
            if (type == Libc.RTM_NEWROUTE && payload.Length >= RouteHeaderSize && ReadRoute(payload) is { } route)
                routes.Add(route);
        });
        return routes;
    }

    /// <summary>Adds a route to the main table.</summary>
    /// <param name="link">the interface it leads over</param>
    /// <param name="route">its <see cref="LinkRoute.LinkIndex"/> and <see cref="LinkRoute.Origin"/> are not looked at</param>
    public void AddRoute(Link link, LinkRoute route)
    {
        string via = route.Gateway.Length == 0 ? "" : $" via {Text(route.Gateway)}";
        _socket.Request(
            AddRouteRequest(link, route), $"add route {Text(route.Destination)}/{route.PrefixLength}{via} to {link.Name}");
    }

    /// <summary>Takes a route out of the main table.</summary>
    /// <param name="link">the interface it leads over</param>
    /// <param name="route">as it was added</param>
    public void RemoveRoute(Link link, LinkRoute route)
        => _socket.Request(
            RouteRequest(Libc.RTM_DELROUTE, Libc.NLM_F_ACK, link, route),
            $"remove route {Text(route.Destination)}/{route.PrefixLength} from {link.Name}");

    internal static NetlinkWriter AddRouteRequest(Link link, LinkRoute route)
        => RouteRequest(Libc.RTM_NEWROUTE, Libc.NLM_F_ACK | Libc.NLM_F_CREATE | Libc.NLM_F_EXCL, link, route);

    private static NetlinkWriter RouteRequest(ushort type, ushort flags, Link link, LinkRoute route)
    {
        var w = new NetlinkWriter(type, flags);
        w.Byte(Family(route.Destination));
        w.Byte(route.PrefixLength);
        w.Zeros(2);
        w.Byte(Libc.RT_TABLE_MAIN);
        w.Byte(Libc.RTPROT_BOOT);
        w.Byte(route.Scope);
        w.Byte(Libc.RTN_UNICAST);
        w.UInt32(route.GatewayIsOnLink ? Libc.RTNH_F_ONLINK : 0);
        if (route.PrefixLength > 0) w.Attribute(Libc.RTA_DST, route.Destination);
        if (route.Gateway.Length == route.Destination.Length) w.Attribute(Libc.RTA_GATEWAY, route.Gateway);
        else if (route.Gateway.Length > 0) WriteForeignGateway(w, route.Gateway);
        w.Attribute(Libc.RTA_OIF, (uint)link.Index);
        if (route.Metric != 0) w.Attribute(Libc.RTA_PRIORITY, route.Metric);
        return w;
    }

    /// <summary>struct rtvia: an IPv4 route may lead to an IPv6 gateway.</summary>
    private static void WriteForeignGateway(NetlinkWriter w, byte[] gateway)
    {
        using (w.Nested(Libc.RTA_VIA))
        {
            w.UInt16(Family(gateway));
            w.Bytes(gateway);
        }
    }

    private static NetlinkWriter ListRoutesRequest()
    {
        var w = new NetlinkWriter(Libc.RTM_GETROUTE, Libc.NLM_F_DUMP);
        w.Zeros(RouteHeaderSize);
        return w;
    }

    private static LinkRoute? ReadRoute(ReadOnlySpan<byte> payload)
    {
        byte family = payload[0];
        uint table = payload[4];
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(payload[8..]);
        if (family is not (Libc.AF_INET or Libc.AF_INET6)) return null;
        if (payload[7] != Libc.RTN_UNICAST || (flags & Libc.RTM_F_CLONED) != 0) return null;

        byte[] destination = new byte[family == Libc.AF_INET ? 4 : 16];
        byte[] gateway = [];
        int linkIndex = 0;
        uint metric = 0;
        var r = new NetlinkReader(payload[RouteHeaderSize..]);
        while (r.Next())
        {
            switch (r.Type)
            {
                case Libc.RTA_DST: destination = r.Value.ToArray(); break;
                case Libc.RTA_GATEWAY: gateway = r.Value.ToArray(); break;
                case Libc.RTA_VIA: gateway = r.Value.Length > 2 ? r.Value[2..].ToArray() : []; break;
                case Libc.RTA_OIF: linkIndex = (int)r.UInt32; break;
                case Libc.RTA_PRIORITY: metric = r.UInt32; break;
                case Libc.RTA_TABLE: table = r.UInt32; break;
            }
        }

        if (table != Libc.RT_TABLE_MAIN || linkIndex == 0) return null;
        return new LinkRoute(
            linkIndex, destination, payload[1], gateway, payload[6], (RouteOrigin)payload[5], metric,
            (flags & Libc.RTNH_F_ONLINK) != 0);
    }
}
