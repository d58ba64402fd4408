using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Netlink;
using Runcvm.Protocol.Messages;

namespace Runcvm.Network;

/// <summary>The container's network, led into the machine: a tap for each of the container's interfaces, and their
/// description, from which the guest makes copies. All of it goes with the taps' files and the network namespace.</summary>
/// <param name="Interfaces">in the order of the container's interfaces; empty with <c>--network none</c></param>
internal sealed record SandboxNetwork(IReadOnlyList<(SafeFileHandle Tap, NetworkInterface Description)> Interfaces)
{
    /// <summary>Sets up the calling thread's network namespace, which must be the container's own and never the host's.
    /// May be called again in a namespace in which an earlier machine died.</summary>
    internal static SandboxNetwork Prepare()
    {
        using var netlink = new RouteNetlink();
        var interfaces = new List<(SafeFileHandle, NetworkInterface)>();
        try
        {
            List<LinkAddress> addresses = netlink.Addresses();
            List<LinkRoute> routes = netlink.Routes();
            foreach (Link link in netlink.Links())
            {
                if (!ContainerInterface.IsOne(link, addresses)) continue;
                NetworkInterface description = ContainerInterface.Describe(link, addresses, routes);
                interfaces.Add((OpenTap(netlink, link, $"tap{interfaces.Count}"), description));
            }

            return new SandboxNetwork(interfaces);
        }
        catch
        {
            foreach ((SafeFileHandle tap, _) in interfaces) tap.Dispose();
            throw;
        }
    }

    private static SafeFileHandle OpenTap(RouteNetlink netlink, Link link, string name)
    {
        SafeFileHandle file = TapDevice.Open(name);
        try
        {
            Link tap = netlink.FindLink(name) ?? throw new InvalidOperationException($"the interface {name} is gone");
            netlink.SetMtu(tap, link.Mtu);
            // Otherwise the namespace would greet the guest with neighbour discovery of an address of its own.
            netlink.TryDisableAddressGeneration(tap);
            Redirection.FromTap(netlink, tap, link);
            netlink.SetUp(tap);
            // Last, because from here on the container's traffic is the guest's.
            Redirection.ToTap(netlink, link, tap);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
