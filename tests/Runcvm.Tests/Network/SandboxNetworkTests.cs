using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Network;
using Runcvm.Protocol.Messages;
using Runcvm.Tests.Netlink;

namespace Runcvm.Tests.Network;

public class SandboxNetworkTests
{
    [Fact]
    public void No_network_gives_no_interfaces() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        Assert.Empty(SandboxNetwork.Prepare().Interfaces);
        TestNamespace.Command("ip link add bridge0 type bridge");
        TestNamespace.Command("ip link set bridge0 up");
        TestNamespace.Command("ip link add unused type veth peer name unused2");
        Assert.Empty(SandboxNetwork.Prepare().Interfaces);
    });

    [Fact]
    public void The_description_is_what_ip_shows() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        (SafeFileHandle tap, NetworkInterface description) = Assert.Single(SandboxNetwork.Prepare().Interfaces);
        using (tap)
        {
            Assert.Equal("eth0", description.Name);
            Assert.Equal(1400u, description.Mtu);
            Assert.Equal(ContainerPlumbing.HardwareAddress.Replace(":", "", StringComparison.Ordinal), Convert.ToHexStringLower(description.HardwareAddress));
            Assert.Equal(
                ["10.9.0.2/24", "fd09::2/64", "fe80::42:aff:fe09:2/64"],
                description.Addresses.Select(a => $"{Text(a.Address)}/{a.PrefixLength}").Order(StringComparer.Ordinal));
            Assert.Equal(
                ["192.0.2.7/32  0", "0.0.0.0/0 10.9.0.1 0", "198.51.100.0/24 192.0.2.7 9", "::/0 fd09::1 1024"],
                description.Routes.Select(r => $"{Text(r.Destination)}/{r.PrefixLength} {Text(r.Gateway)} {r.Metric}"));
            Assert.Contains("mtu 1400", TestNamespace.Command("ip link show tap0"), StringComparison.Ordinal);
            Assert.DoesNotContain("inet", TestNamespace.Command("ip addr show dev tap0"), StringComparison.Ordinal);
        }
    });

    [Fact]
    public void A_second_machine_in_the_namespace_replaces_the_filters_of_a_dead_one() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        var rules = new NamespaceRules(LetsOut: true);
        SandboxNetwork.Prepare(rules: rules).Interfaces[0].Tap.Dispose();
        string orphaned = TestNamespace.Command("tc filter show dev eth0 ingress");
        using SafeFileHandle tap = SandboxNetwork.Prepare(rules: rules).Interfaces[0].Tap;
        string filters = TestNamespace.Command("tc filter show dev eth0 ingress");
        Assert.Equal(5, Count(filters, "flowid 1:1"));
        Assert.Equal(12, Count(filters, "Egress Mirror to device tap0"));
        Assert.Equal(1, Count(filters, "Egress Redirect to device tap0"));
        Assert.Equal(Count(orphaned, "match"), Count(filters, "match"));
        Assert.Contains("Egress Redirect to device eth0", TestNamespace.Command("tc filter show dev tap0 ingress"), StringComparison.Ordinal);
    });

    [Fact]
    public void Neighbours_are_answered_by_the_namespace_and_seen_by_the_guest() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = SandboxNetwork.Prepare().Interfaces[0].Tap;
        net.Host.Enter();
        foreach ((string from, string to, int etherType) in ((string, string, int)[])[("10.9.0.1", "10.9.0.2", 0x0806), ("fd09::1", "fd09::2", 0x86DD)])
        {
            using Socket socket = ContainerPlumbing.Bound(from, 0);
            ContainerPlumbing.Send(socket, to, 5000, "to the guest");
            List<byte[]> frames = ContainerPlumbing.ReadUntil(tap, f => ContainerPlumbing.OfType(f, etherType) >= 1 && ContainerPlumbing.Holds(f, "to the guest"));
            Assert.True(ContainerPlumbing.OfType(frames, etherType) >= 1);
            Assert.True(ContainerPlumbing.Holds(frames, "to the guest"));
            Assert.Contains(ContainerPlumbing.HardwareAddress, TestNamespace.Command($"ip neigh show {to}"), StringComparison.Ordinal);
        }
    });

    [Theory]
    [InlineData("10.9.0.1", "10.9.0.2")]
    [InlineData("fd09::1", "fd09::2")]
    public void Reserved_ports_stay_in_the_namespace_and_all_others_go_to_the_guest(string host, string container) => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = SandboxNetwork.Prepare().Interfaces[0].Tap;
        using Socket reserved = ContainerPlumbing.Bound(container, 61440);
        using Socket last = ContainerPlumbing.Bound(container, 65535);
        using Socket other = ContainerPlumbing.Bound(container, 61439);
        using var listener = new TcpListener(System.Net.IPAddress.Parse(container), 61500);
        listener.Start();
        net.Host.Enter();
        using Socket sender = ContainerPlumbing.Bound(host, 0);
        ContainerPlumbing.Send(sender, container, 61440, "stays");
        ContainerPlumbing.Send(sender, container, 65535, "stays too");
        ContainerPlumbing.Send(sender, container, 61439, "goes");
        Assert.Equal("stays", ContainerPlumbing.Receive(reserved));
        Assert.Equal("stays too", ContainerPlumbing.Receive(last));
        Assert.Equal(0, other.Available);

        using var client = new TcpClient(sender.AddressFamily);
        client.Connect(container, 61500);
        List<byte[]> frames = ContainerPlumbing.ReadUntil(tap, static f => ContainerPlumbing.Holds(f, "goes"));
        Assert.True(ContainerPlumbing.Holds(frames, "goes"));
        Assert.False(ContainerPlumbing.Holds(frames, "stays"));
    });

    [Fact]
    public void Fragments_without_ports_are_not_taken_for_packets_to_a_reserved_port() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = SandboxNetwork.Prepare().Interfaces[0].Tap;
        net.Host.Enter();
        using Socket sender = ContainerPlumbing.Bound("10.9.0.1", 0);
        // Wherever a fragment begins in it, this looks like port 65535.
        byte[] payload = [.. Enumerable.Repeat((byte)0xFF, 5000)];
        sender.SendTo(payload, new System.Net.IPEndPoint(System.Net.IPAddress.Parse("10.9.0.2"), 5000));
        // 5008 bytes in pieces of 1376.
        List<byte[]> frames = ContainerPlumbing.ReadUntil(tap, static f => ContainerPlumbing.OfType(f, 0x0800) >= 4);
        Assert.Equal(4, ContainerPlumbing.OfType(frames, 0x0800));
    });

    // As of a nameserver outside, which Docker's asks from there.
    [Theory]
    [InlineData("10.9.0.1", "10.9.0.2")]
    [InlineData("fd09::1", "fd09::2")]
    public void Fragments_to_a_reserved_port_are_put_together_in_the_namespace(string host, string container) => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = SandboxNetwork.Prepare().Interfaces[0].Tap;
        using Socket reserved = ContainerPlumbing.Bound(container, 61440);
        net.Host.Enter();
        using Socket sender = ContainerPlumbing.Bound(host, 0);
        string text = new('x', 800);
        foreach (int length in (int[])[900, 5000])
        {
            sender.SendTo(System.Text.Encoding.ASCII.GetBytes(new string('x', length)), new System.Net.IPEndPoint(System.Net.IPAddress.Parse(container), 61440));
            byte[] buffer = new byte[10_000];
            Assert.Equal(length, reserved.Receive(buffer));
        }

        ContainerPlumbing.Send(sender, container, 5000, "goes");
        List<byte[]> frames = ContainerPlumbing.ReadUntil(tap, static f => ContainerPlumbing.Holds(f, "goes"));
        // The guest hears of the later ones, which nobody can tell whose they are, and not of the first.
        Assert.Equal(3, frames.Count(frame => ContainerPlumbing.Holds([frame], text)));
    });

    [Fact]
    public void Each_interface_has_a_tap_and_its_own_routes() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        TestNamespace.Command("ip link add eth1 type veth peer name unused");
        TestNamespace.Command("ip link set eth1 up");
        TestNamespace.Command("ip addr add 10.8.0.2/24 dev eth1");
        TestNamespace.Command("ip link set unused netns " + net.Host.Path);
        TestNamespace.Command("ip route add 10.7.0.0/16 via 10.8.0.1");
        IReadOnlyList<(SafeFileHandle Tap, NetworkInterface Description)> all = SandboxNetwork.Prepare().Interfaces;
        Assert.Equal(["eth0", "eth1"], all.Select(i => i.Description.Name).Order());
        NetworkInterface second = all.Single(i => i.Description.Name == "eth1").Description;
        Assert.Equal("10.7.0.0 10.8.0.1", second.Routes.Select(r => $"{Text(r.Destination)} {Text(r.Gateway)}").Single());
        foreach ((SafeFileHandle tap, _) in all) tap.Dispose();
    });

    [Fact]
    public void What_is_set_for_one_interface_is_taken_over_and_what_all_have_is_not() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        TestNamespace.Command("sysctl -w net.ipv6.conf.eth0.accept_ra=2 net.ipv4.conf.eth0.arp_ignore=1");
        SandboxNetwork network = SandboxNetwork.Prepare();
        Assert.Equal(
            ["net/ipv4/conf/eth0/arp_ignore 1", "net/ipv6/conf/eth0/accept_ra 2"],
            NamespaceSysctls.Read(["eth0"]).Where(static sysctl => sysctl.Key.Contains("/eth0/", StringComparison.Ordinal) && !sysctl.Key.EndsWith("/disable_ipv6", StringComparison.Ordinal))
                .Select(static sysctl => $"{sysctl.Key} {sysctl.Value}"));
        network.CloseTaps();
    });

    [Fact]
    public void CAP_NET_ADMIN_is_all_that_it_takes() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        CapabilitySet only = CapabilitySet.Of(["CAP_NET_ADMIN"]);
        // Of this thread, which ends with the test.
        CapabilitySet.Apply(only, only, CapabilitySet.Empty);
        using SafeFileHandle tap = SandboxNetwork.Prepare().Interfaces[0].Tap;
        Assert.False(tap.IsInvalid);
    });

    [Fact]
    public void A_frame_from_the_guest_leaves_the_container() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = SandboxNetwork.Prepare().Interfaces[0].Tap;
        net.Host.Enter();
        using Socket receiver = ContainerPlumbing.Bound("10.9.0.1", 5353);
        string mac = TestNamespace.Command("ip -br link show host0").Split(' ', StringSplitOptions.RemoveEmptyEntries)[2];
        FileDescriptor.WriteAll(tap, UdpFrame(mac, 5353, "from the guest"));
        Assert.Equal("from the guest", ContainerPlumbing.Receive(receiver));
    });

    private static byte[] UdpFrame(string to, ushort port, string text)
    {
        byte[] payload = System.Text.Encoding.ASCII.GetBytes(text);
        string ip = $"4500{28 + payload.Length:x4}0000000040110000" + "0a0900020a090001";
        string udp = $"1388{port:x4}{8 + payload.Length:x4}0000";
        string ethernet = $"{to}{ContainerPlumbing.HardwareAddress}".Replace(":", "", StringComparison.Ordinal) + "0800";
        byte[] frame = [.. new byte[12], .. Convert.FromHexString(ethernet + ip + udp), .. payload];
        int sum = 0;
        for (int i = 26; i < 46; i += 2) sum += (frame[i] << 8) | frame[i + 1];
        sum = ~((sum & 0xFFFF) + (sum >> 16));
        frame[36] = (byte)(sum >> 8);
        frame[37] = (byte)sum;
        return frame;
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private static string Text(byte[] address) => address.Length == 0 ? "" : new System.Net.IPAddress(address).ToString();
}
