using Runcvm.Linux;
using Runcvm.Linux.Netlink;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Network;

/// <summary>The machine's network cards and what each of them is while the workload runs. Of a change only the difference is
/// made, so that what the workload itself has set stays.</summary>
internal sealed class NetworkCards : IDisposable
{
    private readonly NetworkInterface?[] _cards;
    private readonly SpareCards? _spares;
    private IReadOnlyList<KeyValuePair<string, string>> _sysctls;

    /// <summary>Hides the spare cards.</summary>
    internal NetworkCards(Setup setup)
    {
        _cards = [.. setup.Interfaces, .. setup.SpareCards.Select(static _ => (NetworkInterface?)null)];
        _sysctls = setup.NetworkSysctls;
        if (setup.SpareCards.Count == 0) return;
        _spares = new SpareCards();
        using var netlink = new RouteNetlink();
        List<Link> links = netlink.Links();
        for (int i = 0; i < setup.SpareCards.Count; i++)
        {
            byte[] address = setup.SpareCards[i];
            Link link = links.Find(link => link.HardwareAddress.AsSpan().SequenceEqual(address))
                ?? throw new LinuxException(Errno.ENODEV, $"find the spare network card {Convert.ToHexStringLower(address)}");
            _spares.Put(netlink, link, setup.Interfaces.Count + i);
        }
    }

    /// <summary>The cards are those of another machine. Interfaces that have other hardware addresses go and come
    /// again, and settings of the old ones with them.</summary>
    internal IReadOnlyList<string> Adopt(NetworkChange change)
    {
        if (_spares == null || change.Cards.Count != _cards.Length)
            throw new InvalidDataException("it has another number of network cards");
        _sysctls = [];
        return Change(change);
    }

    /// <summary>Makes the difference. Returns sentences about what was left out and why.</summary>
    internal IReadOnlyList<string> Change(NetworkChange change)
    {
        var skipped = new List<string>();
        if (_spares == null || change.Cards.Count != _cards.Length) return skipped;
        KeyValuePair<string, string>[] sysctls = [.. change.Sysctls.Except(_sysctls)];
        _sysctls = change.Sysctls;
        using var netlink = new RouteNetlink();
        NetworkInterface?[] before = [.. _cards];
        for (int i = 0; i < _cards.Length; i++)
        {
            if (_cards[i] is { } gone && !IsSameCard(gone, change.Cards[i])) PutAway(netlink, i, gone);
        }

        var come = new Link?[_cards.Length];
        for (int i = 0; i < _cards.Length; i++)
        {
            if (_cards[i] != null || change.Cards[i] is not { } wanted) continue;
            come[i] = TryTake(netlink, i, wanted.Name, skipped);
            // It is no spare any more, whatever becomes of it.
            if (come[i] != null) _cards[i] = wanted;
        }

        // Now all interfaces have their names; and only one that has IPv6 takes its addresses.
        foreach ((string path, string value) in sysctls) GuestNetwork.Set(path, value);
        for (int i = 0; i < _cards.Length; i++)
        {
            if (_cards[i] is not { } present || change.Cards[i] is not { } wanted) continue;
            _cards[i] = wanted;
            if (come[i] is { } link) GuestNetwork.SetUp(netlink, link, wanted, skipped);
            else ChangeAddresses(netlink, present, wanted, skipped);
        }

        ChangeRoutes(netlink, before, skipped);
        return skipped;
    }

    public void Dispose() => _spares?.Dispose();

    /// <summary>The spare card under its new name; null, and a spare again, where the workload has given that name to something else.</summary>
    private Link? TryTake(RouteNetlink netlink, int card, string name, List<string> skipped)
    {
        Link spare = _spares!.Take(netlink, card);
        try
        {
            return netlink.Rename(spare, name);
        }
        catch (LinuxException e)
        {
            skipped.Add(e.Message);
            _spares.Put(netlink, spare, card);
            return null;
        }
    }

    private void PutAway(RouteNetlink netlink, int card, NetworkInterface gone)
    {
        // The workload may have done what it likes with it.
        if (netlink.FindLink(gone.Name) is { } link) _spares!.Put(netlink, link, card);
        _cards[card] = null;
    }

    private static void ChangeAddresses(RouteNetlink netlink, NetworkInterface present, NetworkInterface wanted, List<string> skipped)
    {
        if (netlink.FindLink(wanted.Name) is not { } link) return;
        if (present.Mtu != wanted.Mtu) netlink.SetMtu(link, wanted.Mtu);
        foreach (InterfaceAddress address in present.Addresses.ExceptBy(wanted.Addresses.Select(Key), Key))
            Remove(() => netlink.RemoveAddress(link, address.Address, address.PrefixLength), skipped);
        foreach (InterfaceAddress address in wanted.Addresses.ExceptBy(present.Addresses.Select(Key), Key))
            GuestNetwork.Try(() => netlink.AddAddress(link, address.Address, address.PrefixLength, address.Scope), tolerant: true, skipped);
    }

    /// <summary>First those that go, of all interfaces: a default route may have moved from one to another.</summary>
    private void ChangeRoutes(RouteNetlink netlink, NetworkInterface?[] before, List<string> skipped)
    {
        for (int i = 0; i < _cards.Length; i++)
        {
            if (_cards[i] is not { } now || before[i] is not { } then || !IsSameCard(then, now) || netlink.FindLink(now.Name) is not { } link) continue;
            foreach (Route route in then.Routes.ExceptBy(now.Routes.Select(Key), Key))
                Remove(() => netlink.RemoveRoute(link, GuestNetwork.ToLinkRoute(link, route, now)), skipped);
        }

        for (int i = 0; i < _cards.Length; i++)
        {
            if (_cards[i] is not { } now || netlink.FindLink(now.Name) is not { } link) continue;
            IReadOnlyList<Route> known = before[i] is { } then && IsSameCard(then, now) ? then.Routes : [];
            GuestNetwork.AddRoutes(netlink, link, now, now.Routes.ExceptBy(known.Select(Key), Key), skipped);
        }
    }

    /// <summary>What is gone already is fine: routes go with the address that they need.</summary>
    private static void Remove(Action remove, List<string> skipped)
    {
        try
        {
            remove();
        }
        catch (LinuxException e) when (e.Errno is Errno.ESRCH or Errno.EADDRNOTAVAIL)
        {
        }
        catch (LinuxException e)
        {
            skipped.Add(e.Message);
        }
    }

    private static bool IsSameCard(NetworkInterface one, NetworkInterface? other)
        => other != null && one.Name == other.Name && one.HardwareAddress.AsSpan().SequenceEqual(other.HardwareAddress);

    private static string Key(InterfaceAddress address) => $"{Convert.ToHexString(address.Address)}/{address.PrefixLength}";

    private static string Key(Route route)
        => $"{Convert.ToHexString(route.Destination)}/{route.PrefixLength} {Convert.ToHexString(route.Gateway)} {route.Scope} {route.Metric}";
}
