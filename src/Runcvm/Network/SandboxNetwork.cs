using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Egress;
using Runcvm.Linux;
using Runcvm.Linux.Netlink;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol;
using Runcvm.Protocol.Messages;

namespace Runcvm.Network;

/// <summary>The container's network, led into the machine: a tap for each of the container's interfaces, and their
/// description, from which the guest makes copies. All of it goes with the taps' files and the network namespace.</summary>
/// <param name="Interfaces">in the order of the container's interfaces; empty with <c>--network none</c></param>
internal sealed record SandboxNetwork(IReadOnlyList<(SafeFileHandle Tap, NetworkInterface Description)> Interfaces)
{
    /// <summary>Taps that lead nowhere yet, with the hardware addresses of their cards: neither hypervisor adds a network card to
    /// a machine that runs. Their names follow those of <see cref="Interfaces"/>.</summary>
    internal IReadOnlyList<(SafeFileHandle Tap, byte[] HardwareAddress)> Spares { get; init; } = [];

    /// <summary>Sockets of the namespace that the machine takes part in, if its own is only beside it.</summary>
    internal SharedPorts? Shared { get; init; }

    /// <summary>The kernel tells packets for the namespace's sockets from the guest's, and never takes one from
    /// outside for the relay's.</summary>
    internal bool HasPrograms { get; init; }

    /// <summary>Where Docker's nameserver is asked: at its own address, or at the shared namespace's end of the cable.</summary>
    internal uint Nameserver
    {
        get
        {
            const uint Docker = 0x7F00000B;
            byte[]? outer = Shared == null ? null : Interfaces[0].Description.Routes.FirstOrDefault(static route => route.Gateway.Length == 4)?.Gateway;
            return outer == null ? Docker : BinaryPrimitives.ReadUInt32BigEndian(outer);
        }
    }

    /// <summary>A listening socket of those who see the machine's ports from outside it, or null when the port is taken.</summary>
    internal SafeFileHandle? TryListen(ListeningPort port)
    {
        if (Shared != null) return Shared.TryListen(port);
        // Else a neighbour's datagram arrives at it, which may name the container's own address as its sender's.
        if (!HasPrograms && port.Port >= NamespacePorts.First) port = port with { LoopbackOnly = true };
        SafeFileHandle? socket = null;
        try
        {
            socket = SharedPorts.Make(port.IsDatagram);
            // Before it can be found.
            StreamListener.SetPriority(socket, OwnSocketProgram.RelayPriority);
            if (SharedPorts.Take(socket, port) == TakenPort.Listening) return socket;
        }
        catch (LinuxException)
        {
            // Out of descriptors, or of the kernel's memory: no reason to end, and the guest's next word tries again.
        }

        socket?.Dispose();
        return null;
    }

    /// <summary>Sets up the calling thread's network namespace, which must be the container's own and never the host's.
    /// May be called again in a namespace in which an earlier machine died.</summary>
    /// <param name="maySpoof">the guest may send from any address</param>
    /// <param name="tapOwner">a user who opens the taps by name, once their files are closed; null keeps them to the files</param>
    /// <param name="spares">for how many networks that are connected later there shall be a card</param>
    /// <param name="policies">where the guest may send to; none leaves that open</param>
    /// <param name="rules">what the namespace has for itself</param>
    internal static SandboxNetwork Prepare(
        bool maySpoof = false, uint? tapOwner = null, int spares = 0, IReadOnlyList<EgressPrograms>? policies = null,
        NamespaceRules? rules = null)
    {
        using var netlink = new RouteNetlink();
        var interfaces = new List<(SafeFileHandle, NetworkInterface)>();
        var spare = new List<(SafeFileHandle, byte[])>();
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
                string name = TapName(interfaces.Count);
                SafeFileHandle tap = OpenTap(
                    netlink, link, name, tapOwner, description, maySpoof, policies ?? [],
                    rules ?? new NamespaceRules());
                interfaces.Add((tap, description));
            }

            // A container without a network stays without: Docker connects it to none.
            for (int i = 0; i < spares && interfaces.Count > 0; i++)
                spare.Add((TapDevice.Open(TapName(interfaces.Count + i), tapOwner), SpareAddress(i)));
            return new SandboxNetwork(interfaces) { Spares = spare, HasPrograms = rules?.Programs != null };
        }
        catch
        {
            foreach ((SafeFileHandle tap, _) in interfaces) tap.Dispose();
            foreach ((SafeFileHandle tap, _) in spare) tap.Dispose();
            throw;
        }
    }

    /// <summary>Leads an interface of the container into a tap, which may have had another one before.</summary>
    internal static void Lead(
        RouteNetlink netlink, Link link, Link tap, NetworkInterface description, bool maySpoof,
        IReadOnlyList<EgressPrograms> policies, NamespaceRules rules)
    {
        // First, because it may refuse: a change of the tap is an event, and every event has the next try.
        IReadOnlyList<PacketProgram> allowed = Sending(description, maySpoof, policies);
        netlink.SetMtu(tap, link.Mtu);
        // Otherwise the namespace would greet the guest with neighbour discovery of an address of its own.
        netlink.TryDisableAddressGeneration(tap);
        Redirection.FromTap(netlink, tap, link, allowed, policies);
        netlink.SetUp(tap);
        // Last, because from here on the container's traffic is the guest's.
        Redirection.ToTap(netlink, link, tap, policies, rules);
    }

    /// <summary>Adapts the tap of an interface whose description has changed. What leads to the guest stays in place: without it the
    /// namespace would take packets of the guest's connections for its own, for a moment, and refuse them.</summary>
    internal static void Adapt(
        RouteNetlink netlink, Link link, Link tap, NetworkInterface before, NetworkInterface now, bool maySpoof,
        IReadOnlyList<EgressPrograms> policies)
    {
        if (before.Mtu != now.Mtu) netlink.SetMtu(tap, now.Mtu);
        IReadOnlyList<PacketProgram> allowed = Sending(now, maySpoof, policies);
        if (Sending(before, maySpoof, policies).Zip(allowed).All(static pair => pair.First.IsSame(pair.Second))) return;
        // What the guest sends meanwhile is lost, and not sent unfiltered.
        netlink.SetDown(tap);
        Redirection.FromTap(netlink, tap, link, allowed, policies);
        netlink.SetUp(tap);
    }

    /// <summary>The tap of the interface at this place in <see cref="Interfaces"/>.</summary>
    internal static string TapName(int index) => $"tap{index}";

    /// <summary>Lets go of the taps: whoever runs the machine has them, or opens them now.</summary>
    internal void CloseTaps()
    {
        foreach ((SafeFileHandle tap, _) in Interfaces) tap.Dispose();
        foreach ((SafeFileHandle tap, _) in Spares) tap.Dispose();
    }

    // A policy knows a machine's packets by their addresses, which must be the machine's own then.
    private static PacketProgram[] Sending(NetworkInterface card, bool maySpoof, IReadOnlyList<EgressPrograms> policies)
        => policies.Count > 0 ? [SourceFilter.Of(card), NeighbourFilter.Of(card)] : maySpoof ? []
            : [SourceFilter.Of(card)];

    // Locally administered, and never seen outside of the machine.
    private static byte[] SpareAddress(int index) => [0x02, 0x52, 0x56, 0x4D, 0xFF, (byte)index];

    // One with an owner outlives its machine where the engine keeps the namespace.
    private static void RemoveAbandoned(RouteNetlink netlink, List<Link> links)
    {
        for (int i = 0; links.Find(link => link.Name == TapName(i)) is { Kind: "tun" } abandoned; i++) netlink.Remove(abandoned);
    }

    private static SafeFileHandle OpenTap(
        RouteNetlink netlink, Link link, string name, uint? owner, NetworkInterface description, bool maySpoof,
        IReadOnlyList<EgressPrograms> policies, NamespaceRules rules)
    {
        SafeFileHandle file = TapDevice.Open(name, owner);
        try
        {
            Link tap = netlink.FindLink(name) ?? throw new InvalidOperationException($"the interface {name} is gone");
            Lead(netlink, link, tap, description, maySpoof, policies, rules);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
