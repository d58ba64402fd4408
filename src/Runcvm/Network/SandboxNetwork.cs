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
    /// <param name="tapOwner">a user who opens the taps by name, once their files are closed; null keeps them to the files</param>
    internal static SandboxNetwork Prepare(uint? tapOwner = null)
    {
        using var netlink = new RouteNetlink();
        var interfaces = new List<(SafeFileHandle, NetworkInterface)>();
        try
        {
            List<LinkAddress> addresses = netlink.Addresses();
            List<LinkRoute> routes = netlink.Routes();
            List<Link> links = netlink.Links();
            RemoveAbandoned(netlink, links);
            foreach (Link link in links)
            {
                if (!ContainerInterface.IsOne(link, addresses)) continue;
                NetworkInterface description = ContainerInterface.Describe(link, addresses, routes);
                interfaces.Add((OpenTap(netlink, link, TapName(interfaces.Count), tapOwner), description));
            }

            return new SandboxNetwork(interfaces);
        }
        catch
        {
            foreach ((SafeFileHandle tap, _) in interfaces) tap.Dispose();
            throw;
        }
    }

    /// <summary>The tap of the interface at this place in <see cref="Interfaces"/>.</summary>
    internal static string TapName(int index) => $"tap{index}";

    /// <summary>Lets go of the taps: whoever runs the machine has them, or opens them now.</summary>
    internal void CloseTaps()
    {
        foreach ((SafeFileHandle tap, _) in Interfaces) tap.Dispose();
    }

    // One with an owner outlives its machine where the engine keeps the namespace.
    private static void RemoveAbandoned(RouteNetlink netlink, List<Link> links)
    {
        for (int i = 0; links.Find(link => link.Name == TapName(i)) is { Kind: "tun" } abandoned; i++) netlink.Remove(abandoned);
    }

    private static SafeFileHandle OpenTap(RouteNetlink netlink, Link link, string name, uint? owner)
    {
        SafeFileHandle file = TapDevice.Open(name, owner);
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
