using System.Net.Sockets;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Network;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;
using Runcvm.Linux.Netlink;
using Runcvm.Network;
using Runcvm.Protocol.Messages;
using Runcvm.Tests.Netlink;

namespace Runcvm.Tests.Network;

public class GuestNetworkTests
{
    private static readonly byte[] Mac1 = [2, 0, 0, 0, 0, 1];
    private static readonly byte[] Mac2 = [2, 0, 0, 0, 0, 2];

    [Fact]
    public void Devices_are_found_by_hardware_address_and_swap_their_names() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        using SafeFileHandle first = TapDevice.Open("eth0");
        using SafeFileHandle second = TapDevice.Open("eth1");
        TestNamespace.Command("ip link set eth0 address 02:00:00:00:00:02");
        TestNamespace.Command("ip link set eth1 address 02:00:00:00:00:01");
        int indexOfFirst = Apply(Interface("eth0", Mac1, "10.1.0.2"), Interface("eth1", Mac2, "10.2.0.2")).Find(l => l.Name == "eth1")!.Index;
        Assert.Equal("02:00:00:00:00:02", (string?)Shown("eth1")["address"]);
        Assert.Equal("10.2.0.2", (string?)Shown("eth1")["addr_info"]![0]!["local"]);
        Assert.True(indexOfFirst < (int)Shown("eth0")["ifindex"]!);
    });

    [Fact]
    public void Devices_with_other_hardware_addresses_are_taken_in_order() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        using SafeFileHandle first = TapDevice.Open("eth0");
        using SafeFileHandle second = TapDevice.Open("eth1");
        List<Link> before = Apply(Interface("eth5", Mac1, "10.1.0.2"), Interface("eth0", Mac2, "10.2.0.2"));
        Assert.Equal("02:00:00:00:00:01", (string?)Shown("eth5")["address"]);
        Assert.Equal("02:00:00:00:00:02", (string?)Shown("eth0")["address"]);
        Assert.Equal(1400, (int?)Shown("eth0")["mtu"]);
        Assert.True((int)Shown("eth5")["ifindex"]! < (int)Shown("eth0")["ifindex"]!);
        Assert.Contains("UP", TestNamespace.Command("ip link show dev lo"), StringComparison.Ordinal);
        Assert.Equal(3, before.Count);
    });

    [Fact]
    public void A_gateway_outside_all_networks_is_taken_to_be_on_the_link() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        using SafeFileHandle tap = TapDevice.Open("eth0");
        var route = new Route(new byte[4], 0, [169, 254, 1, 1], 0, 0);
        Apply(Interface("eth0", Mac1, "10.1.0.2") with { Routes = [route] });
        Assert.Contains("default via 169.254.1.1 dev eth0 onlink", TestNamespace.Command("ip route"), StringComparison.Ordinal);
    });

    [Fact]
    public void IPv6_that_the_guest_does_not_have_is_left_out_with_a_reason() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        using SafeFileHandle tap = TapDevice.Open("eth0");
        Assert.SkipUnless(
            TestNamespace.Command("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1", mayFail: true).Length == 0,
            "sysctls cannot be written here");
        NetworkInterface wanted = Interface("eth0", Mac1, "10.1.0.2", "fd00::2");
        using var netlink = new RouteNetlink();
        string reason = Assert.Single(GuestNetwork.Apply(netlink, [netlink.FindLink("eth0")!], [wanted], []));
        Assert.StartsWith("add address fd00::2/24 to eth0: Permission denied", reason, StringComparison.Ordinal);
        Assert.Equal("10.1.0.2", (string?)Shown("eth0")["addr_info"]![0]!["local"]);
    });

    [Fact]
    public void A_missing_device_is_an_error_that_names_the_interface() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        var e = Assert.Throws<Runcvm.Linux.LinuxException>(() => GuestNetwork.Apply([Interface("eth0", Mac1, "10.1.0.2")], []));
        Assert.Equal("find a network device for eth0: No such device", e.Message);
    });

    [Fact]
    public void A_guest_talks_and_is_talked_to_with_the_containers_addresses() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        (SafeFileHandle outside, NetworkInterface description) = Assert.Single(SandboxNetwork.Prepare().Interfaces);
        using var guest = new TestNamespace();
        using SafeFileHandle inside = TapDevice.Open("enp0s1");
        Assert.Empty(ApplyTo("enp0s1", description));
        Assert.Equal(ContainerPlumbing.RoutesIn(net.Container), ContainerPlumbing.RoutesIn(guest));

        using var wire = new Wire(outside, inside);
        foreach ((string host, string container) in ((string, string)[])[("10.9.0.1", "10.9.0.2"), ("fd09::1", "fd09::2")])
        {
            guest.Enter();
            Transfer(net.Host, guest, host);
            Transfer(guest, net.Host, container);
            Assert.True(wire.LargestFrame > 3000, "segments are not left to the other end");

            net.Host.Enter();
            using Socket server = ContainerPlumbing.Bound(host, 53);
            net.Container.Enter();
            using Socket resolver = ContainerPlumbing.Bound(container, 61999);
            ContainerPlumbing.Send(resolver, host, 53, "question");
            Assert.Equal("question", ContainerPlumbing.Receive(server));
            ContainerPlumbing.Send(server, container, 61999, "answer");
            Assert.Equal("answer", ContainerPlumbing.Receive(resolver));
        }
    });

    private static void Transfer(TestNamespace to, TestNamespace from, string address)
    {
        byte[] sent = new byte[300_000];
        new Random(1).NextBytes(sent);
        to.Enter();
        using var listener = new TcpListener(System.Net.IPAddress.Parse(address), 7000);
        listener.Start();
        from.Enter();
        using var client = new TcpClient(address.Contains(':', StringComparison.Ordinal) ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork);
        client.Connect(address, 7000);
        using TcpClient accepted = listener.AcceptTcpClient();
        var writer = new Thread(() =>
        {
            client.GetStream().Write(sent);
            client.Client.Shutdown(SocketShutdown.Send);
        });
        writer.Start();
        using var received = new MemoryStream();
        accepted.GetStream().CopyTo(received);
        writer.Join();
        Assert.True(sent.AsSpan().SequenceEqual(received.ToArray()));
    }

    private static List<Link> Apply(params NetworkInterface[] wanted)
    {
        using var netlink = new RouteNetlink();
        Assert.Empty(GuestNetwork.Apply(netlink, netlink.Links().FindAll(l => l.Name != "lo"), wanted, []));
        return netlink.Links();
    }

    private static IReadOnlyList<string> ApplyTo(string name, NetworkInterface wanted)
    {
        using var netlink = new RouteNetlink();
        return GuestNetwork.Apply(netlink, [netlink.FindLink(name)!], [wanted], []);
    }

    private static NetworkInterface Interface(string name, byte[] mac, params string[] addresses)
        => new(name, mac, 1400, [.. addresses.Select(a => new InterfaceAddress(System.Net.IPAddress.Parse(a).GetAddressBytes(), 24, 0))], []);

    private static JsonNode Shown(string name) => JsonNode.Parse(TestNamespace.Command($"ip -json addr show dev {name}"))![0]!;

    /// <summary>Stands for the hypervisor: carries frames between two taps, headers and all.</summary>
    private sealed class Wire : IDisposable
    {
        private readonly EventLoop _loop = new();
        private readonly AsyncFile[] _ends;
        private readonly Thread _thread;
        private readonly SafeFileHandle _stop = FileDescriptor.Event();

        internal Wire(SafeFileHandle a, SafeFileHandle b)
        {
            FileDescriptor.SetNonBlocking(a);
            FileDescriptor.SetNonBlocking(b);
            Offload(a);
            Offload(b);
            _ends = [new AsyncFile(_loop, a), new AsyncFile(_loop, b)];
            var stop = new AsyncFile(_loop, _stop);
            _thread = new Thread(() =>
            {
                _ = CarryAsync(_ends[0], _ends[1]);
                _ = CarryAsync(_ends[1], _ends[0]);
                _loop.Run(stop.ReadableAsync());
            });
            _thread.Start();
        }

        public void Dispose()
        {
            FileDescriptor.WriteAll(_stop, BitConverter.GetBytes(1L));
            _thread.Join();
            foreach (AsyncFile end in _ends) end.Dispose();
        }

        internal int LargestFrame { get; private set; }

        /// <summary>TUNSETOFFLOAD as a hypervisor sets it: checksums and segments (IPv4 and IPv6) are left to the other end.</summary>
        private static void Offload(SafeFileHandle tap)
            => SystemCall.Check(Libc.ioctl(tap, 0x400454D0, (nint)7), $"set offloads");

        private async Task CarryAsync(AsyncFile from, AsyncFile to)
        {
            byte[] frame = new byte[70_000];
            while (true)
            {
                int n = await from.ReadAsync(frame);
                LargestFrame = Math.Max(LargestFrame, n);
                await to.WriteAsync(frame.AsMemory(0, n));
            }
        }
    }
}
