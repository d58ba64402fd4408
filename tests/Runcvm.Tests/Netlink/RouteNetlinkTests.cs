using System.Text.Json.Nodes;
using Runcvm.Linux;
using Runcvm.Linux.Netlink;

namespace Runcvm.Tests.Netlink;

/// <summary>The kernel and iproute2 say whether we speak netlink.</summary>
public class RouteNetlinkTests
{
    [Fact]
    public void Links_addresses_and_routes_are_read_as_ip_lists_them() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        TestNamespace.Command("ip link add eth0 address 02:42:ac:11:00:02 mtu 1400 type veth peer name other");
        TestNamespace.Command("ip link set eth0 up");
        TestNamespace.Command("ip addr add 172.17.0.2/16 dev eth0");
        TestNamespace.Command("ip addr add fd00::2/64 dev eth0 nodad");
        TestNamespace.Command("ip route add default via 172.17.0.1 dev eth0 metric 7");
        TestNamespace.Command("ip route add 10.1.0.0/16 via 192.0.2.1 dev eth0 onlink");
        using var netlink = new RouteNetlink();

        Link link = Assert.Single(netlink.Links(), l => l.Name == "eth0");
        Assert.Equal("veth", link.Kind);
        Assert.Equal(1400u, link.Mtu);
        Assert.Equal("0242ac110002", Convert.ToHexStringLower(link.HardwareAddress));
        Assert.True(link.Flags.HasFlag(LinkFlags.Up));
        Assert.Equal(Link.Ethernet, link.HardwareType);
        Assert.Equal(Shown("ip -json addr", "ifname").Order(), netlink.Links().Select(l => l.Name).Order());

        List<LinkAddress> addresses = netlink.Addresses().FindAll(a => a.LinkIndex == link.Index);
        Assert.Contains(addresses, a => Text(a.Address) == "172.17.0.2" && a is { PrefixLength: 16, Scope: 0 });
        Assert.Contains(addresses, a => Text(a.Address) == "fd00::2" && a.PrefixLength == 64);

        List<LinkRoute> routes = netlink.Routes();
        Assert.Equal(Shown("ip -json route", "dst").Count + Shown("ip -json -6 route", "dst").Count, routes.Count);
        Assert.Contains(routes, r => r is { PrefixLength: 0, Metric: 7, IsIPv6: false } && Text(r.Gateway) == "172.17.0.1");
        Assert.Contains(routes, r => r.GatewayIsOnLink && Text(r.Destination) == "10.1.0.0");
        Assert.Contains(routes, r => r.Origin == RouteOrigin.Kernel && Text(r.Destination) == "172.17.0.0");
    });

    [Fact]
    public void What_is_set_is_what_ip_shows() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        TestNamespace.Command("ip link add v0 type veth peer name other");
        TestNamespace.Command("ip link set other up");
        using var netlink = new RouteNetlink();
        Link link = netlink.Rename(netlink.FindLink("v0")!, "eth7");
        netlink.SetHardwareAddress(link, [2, 0, 0, 0, 0, 9]);
        netlink.SetMtu(link, 1312);
        Assert.True(netlink.TryDisableAddressGeneration(link));
        netlink.SetUp(link);
        netlink.AddAddress(link, [10, 2, 3, 4], 20, 0);
        netlink.AddAddress(link, Bytes("fd01::7"), 64, 0);
        netlink.AddRoute(link, Route("0.0.0.0", 0, "10.2.0.1") with { Metric = 55 });
        netlink.AddRoute(link, Route("198.51.100.0", 24, "203.0.113.1") with { GatewayIsOnLink = true });
        netlink.AddRoute(link, Route("::", 0, "fd01::1"));

        JsonNode shown = JsonNode.Parse(TestNamespace.Command("ip -json addr show dev eth7"))![0]!;
        Assert.Equal("02:00:00:00:00:09", (string?)shown["address"]);
        Assert.Equal(1312, (int?)shown["mtu"]);
        Assert.Equal(
            ["10.2.3.4/20 10.2.15.255", "fd01::7/64 "],
            shown["addr_info"]!.AsArray().Select(a => $"{a!["local"]}/{a["prefixlen"]} {a["broadcast"]}"));
        Assert.DoesNotContain("tentative", TestNamespace.Command("ip addr show dev eth7"), StringComparison.Ordinal);
        string routes = TestNamespace.Command("ip route") + TestNamespace.Command("ip -6 route");
        Assert.Contains("default via 10.2.0.1 dev eth7 metric 55", routes, StringComparison.Ordinal);
        Assert.Contains("198.51.100.0/24 via 203.0.113.1 dev eth7 onlink", routes, StringComparison.Ordinal);
        Assert.Contains("default via fd01::1 dev eth7", routes, StringComparison.Ordinal);
    });

    [Fact]
    public void A_refused_request_names_itself_its_interface_and_the_kernels_reason() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        TestNamespace.Command("ip link add eth0 type veth peer name other");
        using var netlink = new RouteNetlink();
        Link link = netlink.FindLink("eth0")!;
        netlink.AddAddress(link, [172, 17, 0, 2], 16, 0);

        LinuxException again = Assert.Throws<LinuxException>(() => netlink.AddAddress(link, [172, 17, 0, 2], 16, 0));
        Assert.Equal(Errno.EEXIST, again.Errno);
        Assert.StartsWith("add address 172.17.0.2/16 to eth0: File exists", again.Message, StringComparison.Ordinal);

        LinuxException mtu = Assert.Throws<LinuxException>(() => netlink.SetMtu(link, 1));
        Assert.Equal("set mtu 1 on eth0: Invalid argument (mtu less than device minimum)", mtu.Message);

        // The socket is as good as new after a refusal.
        Assert.Equal(3, netlink.Links().Count);
    });

    [Fact]
    public void A_tap_goes_with_its_file() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        using var netlink = new RouteNetlink();
        using (TapDevice.Open("tap0"))
        {
            Assert.Equal("tun", netlink.FindLink("tap0")?.Kind);
            LinuxException twice = Assert.Throws<LinuxException>(() => TapDevice.Open("tap0"));
            Assert.StartsWith("make tap interface tap0: ", twice.Message, StringComparison.Ordinal);
        }

        Assert.Null(netlink.FindLink("tap0"));
    });

    private static LinkRoute Route(string destination, byte prefixLength, string gateway)
        => new(0, Bytes(destination), prefixLength, Bytes(gateway), 0, RouteOrigin.Boot, 0, false);

    private static byte[] Bytes(string address) => System.Net.IPAddress.Parse(address).GetAddressBytes();

    private static string Text(byte[] address) => address.Length == 0 ? "" : new System.Net.IPAddress(address).ToString();

    private static List<string?> Shown(string command, string property)
        => [.. JsonNode.Parse(TestNamespace.Command(command))!.AsArray().Select(item => (string?)item![property])];
}
