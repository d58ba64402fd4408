using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Netlink;
using Runcvm.Network;
using Runcvm.Protocol.Messages;
using Runcvm.Tests.Netlink;

namespace Runcvm.Tests.Network;

public class NetworkWatchTests
{
    [Fact]
    public void An_interface_that_comes_is_led_into_the_spare_tap_and_another_one_waits_for_it() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle events = RouteEvents.Open();
        SandboxNetwork network = SandboxNetwork.Prepare(spares: 1);
        using var netlink = new RouteNetlink();
        NetworkWatch watch = Watch(netlink, network);
        Assert.DoesNotContain("UP", TestNamespace.Command("ip -br link show tap1"), StringComparison.Ordinal);
        Assert.Null(watch.Update());

        RouteEvents.Drain(events);
        Add(net, "eth1", "10.8.0.2/24");
        Assert.True(FileDescriptor.TryRead(events, new byte[100]) > 0);
        NetworkState state = watch.Update()!;
        Assert.Equal(["eth0", "eth1"], state.Cards.Select(static card => card?.Name));
        Assert.Contains("10.8.0.2", Addresses(state.Cards[1]!));
        Assert.Contains("Egress Redirect to device tap1", TestNamespace.Command("tc filter show dev eth1 ingress"), StringComparison.Ordinal);
        Assert.Contains("Egress Redirect to device eth1", TestNamespace.Command("tc filter show dev tap1 ingress"), StringComparison.Ordinal);
        Assert.Null(watch.Update());

        Add(net, "eth2", "10.7.0.2/24");
        Assert.Contains("no network card left for eth2", Assert.Single(watch.Update()!.Complaints), StringComparison.Ordinal);
        Assert.Null(watch.Update());
        TestNamespace.Command("ip link del eth1");
        Assert.Equal(["eth0", "eth2"], watch.Update()!.Cards.Select(static card => card?.Name));
        TestNamespace.Command("ip link del eth2");
        Assert.Equal(["eth0", null], watch.Update()!.Cards.Select(static card => card?.Name));
        Assert.DoesNotContain("UP", TestNamespace.Command("ip -br link show tap1"), StringComparison.Ordinal);
        network.CloseTaps();
    });

    [Fact]
    public void Addresses_and_routes_that_change_are_seen_and_allowed() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        SandboxNetwork network = SandboxNetwork.Prepare(spares: 1);
        using var netlink = new RouteNetlink();
        NetworkWatch watch = Watch(netlink, network);
        Assert.Null(watch.Update());
        // Stays only where the filters are not made anew, and packets never reach the namespace meanwhile.
        TestNamespace.Command("tc filter add dev eth0 ingress protocol all prio 9 u32 match u32 0 0 flowid 1:9");
        string program = Program();
        TestNamespace.Command("ip route del default via 10.9.0.1");
        Assert.NotNull(watch.Update());
        Assert.Equal(program, Program());
        TestNamespace.Command("ip addr add 10.9.0.7/24 dev eth0");
        TestNamespace.Command("ip link set eth0 mtu 1390");
        NetworkInterface card = watch.Update()!.Cards[0]!;
        Assert.Contains("flowid 1:9", TestNamespace.Command("tc filter show dev eth0 ingress"), StringComparison.Ordinal);
        Assert.NotEqual(program, Program());
        string tap = TestNamespace.Command("ip link show tap0");
        Assert.Contains("mtu 1390", tap, StringComparison.Ordinal);
        Assert.Contains("UP", tap, StringComparison.Ordinal);
        Assert.Contains("10.9.0.7", Addresses(card));
        Assert.DoesNotContain(card.Routes, static route => route.PrefixLength == 0 && route.Destination.Length == 4);
        network.CloseTaps();

        static string Program() => TestNamespace.Command("tc filter show dev tap0 ingress");
    });

    [Fact]
    public void One_that_cannot_be_led_in_is_told_once_and_keeps_no_other_from_it() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        SandboxNetwork network = SandboxNetwork.Prepare(spares: 1);
        using var netlink = new RouteNetlink();
        NetworkWatch watch = Watch(netlink, network);
        for (int i = 0; i < 12; i++) TestNamespace.Command($"ip addr add 10.9.0.{100 + i}/24 dev eth0");
        Add(net, "eth1", "10.8.0.2/24");
        NetworkState state = watch.Update()!;
        Assert.Contains("eth0 has more than 12 addresses", Assert.Single(state.Complaints), StringComparison.Ordinal);
        Assert.Equal(["eth0", "eth1"], state.Cards.Select(static card => card?.Name));
        Assert.DoesNotContain("10.9.0.111", Addresses(state.Cards[0]!));
        Assert.Null(watch.Update());
        TestNamespace.Command("ip addr del 10.9.0.100/24 dev eth0");
        Assert.Contains("10.9.0.111", Addresses(watch.Update()!.Cards[0]!));
        network.CloseTaps();
    });

    [Fact]
    public void Over_no_interface_that_comes_gets_out_who_joined_with_a_card_or_without() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        SandboxNetwork network = SandboxNetwork.Prepare(spares: 1);
        using var netlink = new RouteNetlink();
        NetworkWatch watch = Watch(netlink, network);
        Add(net, "eth1", "10.8.0.2/24");
        Add(net, "eth2", "10.7.0.2/24");
        Assert.Contains("no network card left", Assert.Single(watch.Update()!.Complaints), StringComparison.Ordinal);
        foreach (string host in (string[])["10.8.0.1", "10.7.0.1"])
        {
            string name = host == "10.8.0.1" ? "eth1" : "eth2";
            net.Host.Enter();
            TestNamespace.Command($"ip addr add {host}/24 dev {name}-host");
            TestNamespace.Command($"ip link set {name}-host up");
            using Socket outside = ContainerPlumbing.Bound(host, 5000);
            using Socket dns = ContainerPlumbing.Bound(host, 53);
            net.Container.Enter();
            using Socket joined = ContainerPlumbing.Bound("0.0.0.0", 0);
            ContainerPlumbing.Send(joined, host, 5000, "not let out");
            ContainerPlumbing.Send(joined, host, 53, "question");
            Assert.Equal("question", ContainerPlumbing.Receive(dns));
            Assert.Equal(0, outside.Available);
        }

        // Stays only where each look leaves the filters as they are.
        TestNamespace.Command("tc filter add dev eth2 ingress protocol all prio 9 u32 match u32 0 0 flowid 1:9");
        watch.Update();
        Assert.Contains("flowid 1:9", Filters("eth2 ingress"), StringComparison.Ordinal);
        TestNamespace.Command($"ip link add eth3 type veth peer name eth3-host netns {net.Host.Path}");
        watch.Update();
        Assert.Contains("bpf", Filters("eth3 egress"), StringComparison.Ordinal);
        network.CloseTaps();

        static string Filters(string side) => TestNamespace.Command($"tc filter show dev {side}");
    });

    [Fact]
    public void One_that_went_before_the_first_look_is_found_gone() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        SandboxNetwork network = SandboxNetwork.Prepare(spares: 1);
        TestNamespace.Command("ip link del eth0");
        using var netlink = new RouteNetlink();
        Assert.Equal([null, null], Watch(netlink, network).Update()!.Cards);
        Assert.DoesNotContain("UP", TestNamespace.Command("ip -br link show tap0"), StringComparison.Ordinal);
        network.CloseTaps();
    });

    private static NetworkWatch Watch(RouteNetlink netlink, SandboxNetwork network)
        => new(netlink, [.. network.Interfaces.Select(static item => item.Description)], network.Spares.Count,
            maySpoof: false, [], new NamespaceRules());

    private static IEnumerable<string> Addresses(NetworkInterface card) => card.Addresses.Select(static a => new System.Net.IPAddress(a.Address).ToString());

    private static void Add(ContainerPlumbing net, string name, string address)
    {
        TestNamespace.Command($"ip link add {name} type veth peer name {name}-host netns {net.Host.Path}");
        TestNamespace.Command($"ip addr add {address} dev {name}");
        TestNamespace.Command($"ip link set {name} up");
    }
}
