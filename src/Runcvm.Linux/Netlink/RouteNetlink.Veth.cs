using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Netlink;

public sealed partial class RouteNetlink
{
    /// <summary>Makes two Ethernet interfaces joined like the ends of a cable, see veth(4).</summary>
    /// <param name="name">the end in this namespace</param>
    /// <param name="peer">the other end's name</param>
    /// <param name="peerNamespace">the network namespace that the other end comes to</param>
    /// <param name="mtu">bytes, of both</param>
    public void AddVeth(string name, string peer, SafeFileHandle peerNamespace, uint mtu)
        => _socket.Request(AddVethRequest(name, peer, (uint)peerNamespace.DangerousGetHandle(), mtu), $"make the interfaces {name} and {peer}");

    internal static NetlinkWriter AddVethRequest(string name, string peer, uint peerNamespace, uint mtu)
    {
        var w = new NetlinkWriter(Libc.RTM_NEWLINK, Libc.NLM_F_ACK | Libc.NLM_F_CREATE | Libc.NLM_F_EXCL);
        w.Zeros(LinkHeaderSize);
        w.Attribute(Libc.IFLA_IFNAME, name);
        w.Attribute(Libc.IFLA_MTU, mtu);
        using (w.Nested(Libc.IFLA_LINKINFO))
        {
            w.Attribute(Libc.IFLA_INFO_KIND, "veth");
            using (w.Nested(Libc.IFLA_INFO_DATA))
            using (w.Nested(Libc.VETH_INFO_PEER))
            {
                w.Zeros(LinkHeaderSize);
                w.Attribute(Libc.IFLA_IFNAME, peer);
                w.Attribute(Libc.IFLA_MTU, mtu);
                w.Attribute(Libc.IFLA_NET_NS_FD, peerNamespace);
            }
        }

        return w;
    }
}
