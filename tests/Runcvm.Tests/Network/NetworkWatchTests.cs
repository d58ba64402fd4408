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
        var watch = new NetworkWatch(events, network, maySpoof: false);
        Assert.DoesNotContain("UP", TestNamespace.Command("ip -br link show tap1"), StringComparison.Ordinal);
        Assert.Null(Update(watch));

        RouteEvents.Drain(events);
        Add(net, "eth1", "10.8.0.2/24");
        Assert.True(FileDescriptor.TryRead(events, new byte[100]) > 0);
        NetworkState state = Update(watch)!;
        Assert.Equal(["eth0", "eth1"], state.Cards.Select(static card => card?.Name));
        Assert.Contains("10.8.0.2", state.Cards[1]!.Addresses.Select(static a => new System.Net.IPAddress(a.Address).ToString()));
        Assert.Contains("net/ipv6/conf/eth1/disable_ipv6", state.Sysctls.Select(static sysctl => sysctl.Key));
        Assert.Contains("Egress Redirect to device tap1", TestNamespace.Command("tc filter show dev eth1 ingress"), StringComparison.Ordinal);
        Assert.Contains("Egress Redirect to device eth1", TestNamespace.Command("tc filter show dev tap1 ingress"), StringComparison.Ordinal);
        Assert.Null(Update(watch));

        Add(net, "eth2", "10.7.0.2/24");
        Assert.Contains("no network card left for eth2", Assert.Single(Update(watch)!.Complaints), StringComparison.Ordinal);
        Assert.Null(Update(watch));
        TestNamespace.Command("ip link del eth1");
        Assert.Equal(["eth0", "eth2"], Update(watch)!.Cards.Select(static card => card?.Name));
        TestNamespace.Command("ip link del eth2");
        Assert.Equal(["eth0", null], Update(watch)!.Cards.Select(static card => card?.Name));
        Assert.DoesNotContain("UP", TestNamespace.Command("ip -br link show tap1"), StringComparison.Ordinal);
        network.CloseTaps();
    });

    [Fact]
    public void Addresses_and_routes_that_change_are_seen_and_allowed() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle events = RouteEvents.Open();
        SandboxNetwork network = SandboxNetwork.Prepare(spares: 1);
        var watch = new NetworkWatch(events, network, maySpoof: false);
        TestNamespace.Command("ip addr add 10.9.0.7/24 dev eth0");
        TestNamespace.Command("ip route del default via 10.9.0.1");
        NetworkInterface card = Update(watch)!.Cards[0]!;
        Assert.Contains("10.9.0.7", card.Addresses.Select(static a => new System.Net.IPAddress(a.Address).ToString()));
        Assert.DoesNotContain(card.Routes, static route => route.PrefixLength == 0 && route.Destination.Length == 4);
        network.CloseTaps();
    });

    private static NetworkState? Update(NetworkWatch watch) => watch.UpdateAsync().GetAwaiter().GetResult();

    private static void Add(ContainerPlumbing net, string name, string address)
    {
        TestNamespace.Command($"ip link add {name} type veth peer name {name}-host netns {net.Host.Path}");
        TestNamespace.Command($"ip addr add {address} dev {name}");
        TestNamespace.Command($"ip link set {name} up");
    }
}
