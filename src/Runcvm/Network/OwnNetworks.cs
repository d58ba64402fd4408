using System.Net;
using Runcvm.Egress;
using Runcvm.Linux.Netlink;

namespace Runcvm.Network;

/// <summary>Who is on the same networks as the container, as the namespace of the calling thread knows it
/// now.</summary>
internal static class OwnNetworks
{
    /// <summary>Whether an address is another container's: on one of the networks, neither the container's own nor a
    /// way out, which is the host.</summary>
    internal static bool HasNeighbour(byte[] address)
    {
        using var netlink = new RouteNetlink();
        List<LinkAddress> own = netlink.Addresses();
        AddressPrefix one = AddressPrefix.Of(address);
        return own.Any(item => !IPAddress.IsLoopback(new IPAddress(item.Address)) && Network(item).Covers(one))
            && !own.Exists(item => item.Address.AsSpan().SequenceEqual(address))
            && !netlink.Routes().Exists(route => route.Gateway.AsSpan().SequenceEqual(address));
    }

    private static AddressPrefix Network(LinkAddress item)
    {
        AddressPrefix one = AddressPrefix.Of(item.Address);
        return one with { Length = AddressPrefix.Bits - (8 * item.Address.Length) + item.PrefixLength };
    }
}
