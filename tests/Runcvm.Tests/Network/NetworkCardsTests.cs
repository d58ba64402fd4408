using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Network;
using Runcvm.Linux.Netlink;
using Runcvm.Protocol.Messages;
using Runcvm.Tests.Netlink;

namespace Runcvm.Tests.Network;

public class NetworkCardsTests
{
    private static readonly byte[] Mac = [2, 0, 0, 0, 0, 1];
    private static readonly byte[] SpareMac = [2, 0, 0, 0, 0, 9];

    [Fact]
    public void A_spare_card_is_not_seen_until_a_network_has_come_and_not_after_it_has_gone() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        using SafeFileHandle first = Tap("eth0", "02:00:00:00:00:01");
        using SafeFileHandle second = Tap("eth1", "02:00:00:00:00:09");
        NetworkInterface one = Interface("eth0", Mac, "10.1.0.2");
        NetworkInterface two = Interface("eth1", [2, 0, 0, 0, 0, 2], "10.2.0.2") with { Routes = [new Route(new byte[4], 0, [10, 2, 0, 1], 0, 0)] };
        Setup setup = new() { ScratchDisk = "", Interfaces = [one], SpareCards = [SpareMac] };
        using (var netlink = new RouteNetlink()) GuestNetwork.Apply(netlink, [netlink.FindLink("eth0")!], setup.Interfaces, []);
        using var cards = new NetworkCards(setup);
        Assert.DoesNotContain("eth1", TestNamespace.Command("ip link"), StringComparison.Ordinal);

        Assert.Empty(cards.Change(Change(one, two)));
        Assert.Contains("link/ether 02:00:00:00:00:02", TestNamespace.Command("ip link show eth1"), StringComparison.Ordinal);
        Assert.Contains("default via 10.2.0.1 dev eth1", TestNamespace.Command("ip route"), StringComparison.Ordinal);

        // What the workload has done itself stays: it is no part of the difference.
        TestNamespace.Command("ip addr add 10.22.0.99/24 dev eth1");
        NetworkInterface moved = two with { Addresses = [new InterfaceAddress([10, 2, 0, 3], 24, 0)], Routes = [], Mtu = 1300 };
        Assert.Empty(cards.Change(Change(one, moved)));
        string shown = TestNamespace.Command("ip addr show eth1");
        Assert.Contains("mtu 1300", shown, StringComparison.Ordinal);
        Assert.Contains("10.2.0.3/24", shown, StringComparison.Ordinal);
        Assert.Contains("10.22.0.99/24", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("10.2.0.2/24", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("default", TestNamespace.Command("ip route"), StringComparison.Ordinal);

        Assert.Empty(cards.Change(Change(null, moved)));
        Assert.DoesNotContain("eth0", TestNamespace.Command("ip link"), StringComparison.Ordinal);
        Assert.Empty(cards.Change(Change(one, null)));
        Assert.Contains("10.1.0.2/24", TestNamespace.Command("ip addr show eth0"), StringComparison.Ordinal);
        Assert.DoesNotContain("eth1", TestNamespace.Command("ip link"), StringComparison.Ordinal);
    });

    // As on arm64's "virt" machine, which numbers its cards from the last one.
    [Fact]
    public void An_interface_gets_its_name_also_where_the_spare_card_had_it() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        using SafeFileHandle spare = Tap("eth0", "02:00:00:00:00:09");
        using SafeFileHandle first = Tap("eth1", "02:00:00:00:00:01");
        Setup setup = new() { ScratchDisk = "", Interfaces = [Interface("eth0", Mac, "10.1.0.2")], SpareCards = [SpareMac] };
        using var cards = new NetworkCards(setup);
        using (var netlink = new RouteNetlink()) GuestNetwork.Apply(netlink, [netlink.FindLink("eth1")!], setup.Interfaces, []);
        Assert.Contains("link/ether 02:00:00:00:00:01", TestNamespace.Command("ip link show eth0"), StringComparison.Ordinal);
        Assert.DoesNotContain("eth1", TestNamespace.Command("ip link"), StringComparison.Ordinal);

        NetworkInterface two = Interface("eth1", [2, 0, 0, 0, 0, 2], "10.2.0.2");
        Assert.Empty(cards.Change(Change(setup.Interfaces[0], two)));
        Assert.Contains("10.2.0.2/24", TestNamespace.Command("ip addr show eth1"), StringComparison.Ordinal);
    });

    [Fact]
    public void A_name_that_the_workload_has_taken_costs_no_card() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        using SafeFileHandle first = Tap("eth0", "02:00:00:00:00:01");
        using SafeFileHandle second = Tap("spare", "02:00:00:00:00:09");
        NetworkInterface one = Interface("eth0", Mac, "10.1.0.2");
        NetworkInterface two = Interface("eth1", [2, 0, 0, 0, 0, 2], "10.2.0.2");
        using var cards = new NetworkCards(new Setup { ScratchDisk = "", Interfaces = [one], SpareCards = [SpareMac] });
        TestNamespace.Command("ip link add eth1 type veth peer name other");
        Assert.Contains("eth1", Assert.Single(cards.Change(Change(one, two))), StringComparison.Ordinal);
        TestNamespace.Command("ip link del eth1");
        Assert.Empty(cards.Change(Change(one, two)));
        Assert.Contains("10.2.0.2/24", TestNamespace.Command("ip addr show eth1"), StringComparison.Ordinal);
    });

    private static NetworkChange Change(params NetworkInterface?[] cards) => new(cards, [], [], false);

    private static NetworkInterface Interface(string name, byte[] mac, string address)
        => new(name, mac, 1400, [new InterfaceAddress(System.Net.IPAddress.Parse(address).GetAddressBytes(), 24, 0)], []);

    private static SafeFileHandle Tap(string name, string address)
    {
        SafeFileHandle tap = TapDevice.Open(name);
        TestNamespace.Command($"ip link set {name} address {address}");
        return tap;
    }
}
