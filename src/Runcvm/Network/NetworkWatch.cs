using Runcvm.Egress;
using Runcvm.Linux;
using Runcvm.Linux.Netlink;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Network;

/// <summary>Sees what the engine does to the container's network while the machine runs (`docker network connect`, of
/// which the runtime is told nothing), and leads interfaces that have come into spare taps. That takes CAP_NET_ADMIN.
/// </summary>
internal sealed class NetworkWatch
{
    // Of an interface that went before it was looked at for the first time.
    private const int Gone = -1;

    private readonly RouteNetlink _netlink;
    private readonly bool _maySpoof;
    private readonly IReadOnlyList<EgressPrograms> _policies;
    private readonly NamespaceRules _rules;
    private readonly Card?[] _cards;
    private readonly HashSet<string> _complained = [];
    private readonly HashSet<int> _guarded;
    private bool _changed;

    /// <param name="netlink">of the namespace</param>
    /// <param name="interfaces">those that were led in when the network was prepared</param>
    /// <param name="spares">how many taps there are beside those</param>
    /// <param name="maySpoof">the guest may send from any address</param>
    /// <param name="policies">where it may send to; none leaves that open</param>
    /// <param name="rules">what the namespace has for itself</param>
    internal NetworkWatch(
        RouteNetlink netlink, IReadOnlyList<NetworkInterface> interfaces, int spares, bool maySpoof,
        IReadOnlyList<EgressPrograms> policies, NamespaceRules rules)
    {
        _netlink = netlink;
        _maySpoof = maySpoof;
        _policies = policies;
        _rules = rules;
        _cards = new Card?[interfaces.Count + spares];
        List<Link> links = netlink.Links();
        for (int i = 0; i < interfaces.Count; i++)
            _cards[i] = new Card(links.Find(link => link.Name == interfaces[i].Name)?.Index ?? Gone, interfaces[i]);
        _guarded = [.. _cards.OfType<Card>().Select(static card => card.Link)];
    }

    /// <summary>Adapts the taps to how the namespace is now.</summary>
    /// <returns>null when nothing has changed</returns>
    internal NetworkState? Update()
    {
        RouteNetlink netlink = _netlink;
        List<LinkAddress> addresses = netlink.Addresses();
        List<LinkRoute> routes = netlink.Routes();
        List<Link> links = netlink.Links();
        var complaints = new List<string>();
        for (int i = 0; i < _cards.Length; i++)
        {
            if (_cards[i] is not { } card || links.Exists(link => link.Index == card.Link)) continue;
            // What the guest still sends leads nowhere; the namespace must not take it for its own.
            netlink.SetDown(Tap(links, i));
            _cards[i] = null;
            _changed = true;
        }

        _guarded.IntersectWith(links.Select(static link => link.Index));
        foreach (Link link in links)
        {
            if (!ContainerInterface.MayBeOne(link)) continue;
            try
            {
                // Before it is up, and where no card is left for it: who joined the namespace would get out over it.
                if (!_rules.LetsOut && !_guarded.Contains(link.Index))
                    Redirection.Guard(netlink, link, tap: null, _rules);
                _guarded.Add(link.Index);
                if (!ContainerInterface.IsOne(link, addresses)) continue;
                Follow(netlink, links, link, ContainerInterface.Describe(link, addresses, routes));
            }
            catch (Exception e) when (e is LinuxException or UsageException or InvalidOperationException)
            {
                // One that went while it was looked at is missed by nobody. The others get on without it, and the next look tries again.
                if (netlink.FindLink(link.Name)?.Index != link.Index || !_complained.Add($"{link.Index} {e.Message}")) continue;
                complaints.Add(e is UsageException ? e.Message : $"{link.Name} has changed, and the machine could not follow: {Reason.Of(e)}");
            }
        }

        if (!_changed && complaints.Count == 0) return null;
        _changed = false;
        NetworkInterface?[] cards = [.. _cards.Select(static card => card?.Description)];
        return new(cards, complaints);
    }

    private void Follow(RouteNetlink netlink, List<Link> links, Link link, NetworkInterface description)
    {
        int i = Array.FindIndex(_cards, card => card?.Link == link.Index);
        if (i >= 0)
        {
            NetworkInterface before = _cards[i]!.Description;
            if (IsSame(before, description)) return;
            SandboxNetwork.Adapt(netlink, link, Tap(links, i), before, description, _maySpoof, _policies);
        }
        else
        {
            i = Array.IndexOf(_cards, null);
            if (i < 0) throw new UsageException($"the machine has no network card left for {link.Name}, which was connected while it runs: stop and start the container");
            SandboxNetwork.Lead(netlink, link, Tap(links, i), description, _maySpoof, _policies, _rules);
        }

        _cards[i] = new Card(link.Index, description);
        _changed = true;
    }

    private static Link Tap(List<Link> links, int card)
        => links.Find(link => link.Name == SandboxNetwork.TapName(card)) ?? throw new InvalidOperationException($"the interface {SandboxNetwork.TapName(card)} is gone");

    private static bool IsSame(NetworkInterface one, NetworkInterface other)
        => WireBytes.Of(one).SequenceEqual(WireBytes.Of(other));

    /// <param name="Link">number of the container's interface</param>
    /// <param name="Description">what the guest makes of it</param>
    private sealed record Card(int Link, NetworkInterface Description);
}

/// <summary>How a container's network is.</summary>
/// <param name="Cards">what each of the machine's network cards is; null for one that is connected to nothing</param>
/// <param name="Complaints">sentences for the container's log</param>
internal sealed record NetworkState(IReadOnlyList<NetworkInterface?> Cards, IReadOnlyList<string> Complaints)
    : IWireValue<NetworkState>
{
    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.List(Cards, NetworkInterface.WriteOptional);
        w.Texts(Complaints);
    }

    /// <inheritdoc/>
    public static NetworkState Read(ref WireReader r) => new(r.List(NetworkInterface.ReadOptional), r.Texts());
}
