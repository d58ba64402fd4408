using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Netlink;
using Runcvm.Linux.Sockets;
using Runcvm.Network;
using Runcvm.Tests.Netlink;
using static Runcvm.Tests.Network.ContainerPlumbing;

namespace Runcvm.Tests.Network;

/// <summary>What the sandbox's namespace has for itself: packets of its own sockets, and nothing that gets out past the
/// machine.</summary>
public class NamespaceRulesTests
{
    [Theory]
    [InlineData("10.9.0.1", "10.9.0.2")]
    [InlineData("fd09::1", "fd09::2")]
    public void At_a_reserved_port_too_what_is_for_no_socket_of_the_namespace_goes_to_the_guest(
        string host, string container) => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = Prepare();
        using Socket bound = Bound(container, 61440);
        using var listener = new TcpListener(IPAddress.Parse(container), 61500);
        listener.Start();
        using SafeFileHandle relay = Relay(62000, isDatagram: false);
        using SafeFileHandle datagrams = Relay(62000, isDatagram: true);
        net.Host.Enter();
        using Socket sender = Bound(host, 0);
        Send(sender, container, 61440, "stays");
        Assert.Equal("stays", Receive(bound));
        Send(sender, container, 61441, "goes");
        Send(sender, container, 62000, "also, the relay does not count");
        using var client = new TcpClient(sender.AddressFamily);
        client.Connect(container, 61500);
        using var stranger = new Socket(sender.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        Assert.Throws<SocketException>(() => stranger.Connect(container, 62000));

        int header = container.Contains(':', StringComparison.Ordinal) ? 40 : 20;
        List<byte[]> frames = ReadUntil(
            tap, f => Holds(f, "goes") && Holds(f, "does not count")
                && f.Exists(frame => IsTcpTo(frame, header, 62000)));
        Assert.True(Holds(frames, "goes"));
        Assert.True(Holds(frames, "does not count"));
        Assert.Contains(frames, frame => IsTcpTo(frame, header, 62000));
        Assert.False(Holds(frames, "stays"));
        Assert.DoesNotContain(frames, frame => IsTcpTo(frame, header, 61500));
    });

    // As a resolver's socket is, which hears one nameserver only.
    [Fact]
    public void A_socket_that_is_connected_keeps_what_is_from_its_peer_and_nothing_else() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = Prepare();
        using Socket connected = Bound("10.9.0.2", 61441);
        connected.Connect("10.9.0.1", 5353);
        net.Host.Enter();
        using Socket peer = Bound("10.9.0.1", 5353);
        using Socket other = Bound("10.9.0.1", 5354);
        // Options of IP: nothing, four times.
        peer.SetRawSocketOption(0, 4, [1, 1, 1, 1]);
        Send(other, "10.9.0.2", 61441, "for the guest");
        Send(peer, "10.9.0.2", 61441, "for the socket");
        Assert.Equal("for the socket", Receive(connected));
        List<byte[]> frames = ReadUntil(tap, static f => Holds(f, "for the guest"));
        Assert.True(Holds(frames, "for the guest"));
        Assert.False(Holds(frames, "for the socket"));
    });

    [Theory]
    [InlineData("10.9.0.1", "10.9.0.2")]
    [InlineData("fd09::1", "fd09::2")]
    public void Fragments_to_a_socket_of_the_namespace_are_put_together_there(
        string host, string container) => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = Prepare();
        using Socket bound = Bound(container, 61440);
        net.Host.Enter();
        using Socket sender = Bound(host, 0);
        Send(sender, container, 61440, new string('x', 5000));
        Assert.Equal(5000, bound.Receive(new byte[10_000]));
        Send(sender, container, 61441, new string('y', 5000));
        List<byte[]> frames = ReadUntil(tap, static f => f.Count(static frame => Holds([frame], "yyyy")) >= 4);
        Assert.Equal(4, frames.Count(static frame => Holds([frame], "yyyy")));
    });

    [Theory]
    [InlineData("10.9.0.1", "10.9.0.2")]
    [InlineData("fd09::1", "fd09::2")]
    public void Who_joined_begins_nothing_outside_is_told_at_once_and_answers_who_calls(
        string host, string container) => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = Prepare(letsOut: false, nameservers: host);
        net.Host.Enter();
        using var outside = new TcpListener(IPAddress.Parse(host), 8080);
        using var dnsOverTcp = new TcpListener(IPAddress.Parse(host), 53);
        outside.Start();
        dnsOverTcp.Start();
        using Socket service = Bound(host, 5000);
        using Socket dns = Bound(host, 53);
        net.Container.Enter();
        // As in a sandbox.
        File.WriteAllText("/proc/sys/net/ipv4/ip_local_port_range", "61440 65535");
        using var client = new TcpClient(service.AddressFamily);
        Assert.Equal(SocketError.ConnectionRefused, Refusal(() => client.Connect(host, 8080)));
        Assert.False(outside.Pending());
        using Socket joined = Bound(container, 61501);
        joined.Connect(host, 5000);
        Assert.NotEqual(SocketError.TimedOut, Refusal(() =>
        {
            joined.Send("not let out"u8);
            joined.Receive(new byte[100]);
        }));
        Send(joined, host, 53, "question");
        Assert.Equal("question", Receive(dns));
        Assert.Equal(0, service.Available);
        using var resolver = new TcpClient(service.AddressFamily);
        resolver.Connect(host, 53);

        using var listener = new TcpListener(IPAddress.Parse(container), 61500);
        listener.Start();
        net.Host.Enter();
        using var caller = new TcpClient(service.AddressFamily);
        caller.Connect(container, 61500);
        using Socket called = listener.AcceptSocket();
        called.Send("answer"u8);
        Assert.Equal("answer", Receive(caller.Client));
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Only_nameservers_that_the_engine_names_are_asked_with_and_without_programs(bool programs)
        => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = Prepare(letsOut: false, programs: programs, nameservers: "10.9.0.1");
        net.Host.Enter();
        TestNamespace.Command("ip addr add 10.9.0.9/24 dev host0");
        using Socket named = Bound("10.9.0.1", 53);
        using Socket other = Bound("10.9.0.9", 53);
        net.Container.Enter();
        using Socket joined = Bound("10.9.0.2", 0);
        Send(joined, "10.9.0.9", 53, "no");
        Send(joined, "10.9.0.1", 53, "yes");
        Assert.Equal("yes", Receive(named));
        Assert.Equal(0, other.Available);
    });

    [Fact]
    public void Where_the_nameservers_are_not_known_any_is_asked_at_its_port() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = SandboxNetwork.Prepare(
            rules: new NamespaceRules(NamespacePrograms.TryLoad(out _))).Interfaces[0].Tap;
        net.Host.Enter();
        using Socket dns = Bound("10.9.0.1", 53);
        net.Container.Enter();
        using Socket joined = Bound("10.9.0.2", 0);
        Send(joined, "10.9.0.1", 53, "question");
        Assert.Equal("question", Receive(dns));
    });

    [Theory]
    [InlineData("10.9.0.1", "10.9.0.2", 68, 67)]
    [InlineData("fd09::1", "fd09::2", 546, 547)]
    public void The_ports_of_Dhcp_are_no_way_out(string host, string container, int client, int server)
        => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = Prepare(letsOut: false, nameservers: host);
        net.Host.Enter();
        using Socket outside = Bound(client == 68 ? "0.0.0.0" : host, server);
        using Socket dns = Bound(host, 53);
        net.Container.Enter();
        using Socket joined = Bound(container, client);
        Send(joined, host, server, "not let out");
        Send(joined, host, 53, "question");
        Assert.Equal("question", Receive(dns));
        Assert.Equal(0, outside.Available);
        if (client != 68) return;
        joined.EnableBroadcast = true;
        Send(joined, "255.255.255.255", server, "discover");
        Assert.Equal("discover", Receive(outside));
    });

    // The guest has the same addresses: it must not take a refusal for its own connection's.
    [Theory]
    [InlineData("10.9.0.1", "10.9.0.2")]
    [InlineData("fd09::1", "fd09::2")]
    public void A_refusal_comes_to_who_joined_at_every_port_and_never_to_the_guest(string host, string container)
        => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = Prepare(letsOut: false, nameservers: host);
        using Socket joined = Bound(container, 5001);
        joined.Connect(host, 5000);
        Assert.NotEqual(SocketError.TimedOut, Refusal(() =>
        {
            joined.Send("not let out"u8);
            joined.Receive(new byte[100]);
        }));
        using var client = new TcpClient(new IPEndPoint(IPAddress.Parse(container), 5002));
        // Bounds a test that fails: three questions and no answer.
        const int Tcp = 6, SynCount = 7;
        client.Client.SetRawSocketOption(Tcp, SynCount, BitConverter.GetBytes(1));
        Assert.Equal(SocketError.ConnectionRefused, Refusal(() => client.Connect(host, 8080)));

        net.Host.Enter();
        using Socket sender = Bound(host, 0);
        Send(sender, container, 5003, "after that");
        List<byte[]> frames = ReadUntil(tap, static f => Holds(f, "after that"));
        Assert.True(Holds(frames, "after that"));
        int header = container.Contains(':', StringComparison.Ordinal) ? 40 : 20;
        Assert.DoesNotContain(frames, frame => IsTcpTo(frame, header, 5002));
        Assert.DoesNotContain(frames, frame => IsUnreachable(frame, header));
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Without_programs_the_relay_has_a_reserved_port_at_loopback_alone(bool programs)
        => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        NamespacePrograms? loaded = programs ? NamespacePrograms.TryLoad(out _) : null;
        SandboxNetwork network = SandboxNetwork.Prepare(rules: new NamespaceRules(loaded));
        foreach (SafeFileHandle file in loaded?.All ?? []) file.Dispose();
        using SafeFileHandle relay = network.TryListen(new(62000, LoopbackOnly: false, IsDatagram: true))!;
        using var readable = new Socket(new SafeSocketHandle(relay.DangerousGetHandle(), ownsHandle: false));
        using Socket own = Bound("fd09::2", 0);
        using Socket inside = Bound("127.0.0.1", 0);
        Send(own, "fd09::2", 62000, "as a neighbour may");
        Send(inside, "127.0.0.1", 62000, "inside");
        var lengths = new List<int>();
        // A busy host hands them on in any order.
        while (lengths.Count < (programs ? 2 : 1))
        {
            Assert.True(readable.Poll(TimeSpan.FromSeconds(3), SelectMode.SelectRead));
            lengths.Add(DatagramListener.TryReceive(relay, new byte[100], out _));
        }

        Assert.Equal(programs, lengths.Contains("as a neighbour may".Length));
        Assert.Contains("inside".Length, lengths);
        network.CloseTaps();
    });

    [Fact]
    public void While_filters_are_made_anew_nothing_leaves() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = Prepare(letsOut: false, nameservers: "10.9.0.1");
        net.Host.Enter();
        using Socket dns = Bound("10.9.0.1", 53);
        net.Container.Enter();
        using Socket joined = Bound("10.9.0.2", 0);
        using var netlink = new RouteNetlink();
        string before = TestNamespace.Command("tc filter show dev eth0 egress");
        Send(joined, "10.9.0.1", 53, "one");
        netlink.CloseFilters(netlink.FindLink("eth0")!, last: 4);
        Send(joined, "10.9.0.1", 53, "none");
        Assert.DoesNotContain("u32", TestNamespace.Command("tc filter show dev eth0 egress"), StringComparison.Ordinal);
        Assert.Empty(TestNamespace.Command("tc filter show dev eth0 ingress"));
        netlink.OpenFilters(netlink.FindLink("eth0")!);
        Send(joined, "10.9.0.1", 53, "two");
        Assert.Equal("one", Receive(dns));
        Assert.Equal("two", Receive(dns));
        using SafeFileHandle again = Prepare(letsOut: false, programs: true, "10.9.0.1");
        string after = TestNamespace.Command("tc filter show dev eth0 egress");
        Assert.Equal(before.Split('\n').Length, after.Split('\n').Length);
    });

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("::1", true)]
    [InlineData("10.9.0.2", true)]
    [InlineData("fd09::2", true)]
    [InlineData("10.9.0.1", false)]
    [InlineData("fd09::1", false)]
    public void The_relay_knows_who_is_in_the_namespace(string address, bool isOwn) => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        Assert.Equal(isOwn, new OwnAddresses().Has(IPAddress.Parse(address).GetAddressBytes()));
        // As a socket has it that speaks both.
        UInt128 mapped = ((UInt128)0xFFFF << 32) | 0x0A090002;
        Assert.Equal([10, 9, 0, 2], new DatagramPeer(mapped, 1, 0, IsIPv6: true).ToBytes());
    });

    private static SafeFileHandle Prepare(bool letsOut = true, bool programs = true, params string[] nameservers)
    {
        NamespacePrograms? loaded = programs ? NamespacePrograms.TryLoad(out string problem)
            ?? throw new InvalidOperationException(problem) : null;
        byte[][] asked = [.. nameservers.Select(static text => IPAddress.Parse(text).GetAddressBytes())];
        SafeFileHandle tap =
            SandboxNetwork.Prepare(rules: new NamespaceRules(loaded, letsOut, asked)).Interfaces[0].Tap;
        // The interfaces have their own.
        foreach (SafeFileHandle file in loaded?.All ?? []) file.Dispose();
        return tap;
    }

    // As the supervisor listens for those in the namespace.
    private static SafeFileHandle Relay(ushort port, bool isDatagram)
        => new SandboxNetwork([]) { HasPrograms = true }
            .TryListen(new(port, LoopbackOnly: false, IsDatagram: isDatagram))
            ?? throw new InvalidOperationException($"port {port} is taken");

    private static SocketError Refusal(Action action) => Assert.Throws<SocketException>(action).SocketErrorCode;

    private static bool IsUnreachable(byte[] frame, int header)
        => frame.Length > 14 + header && (header == 20 ? frame[23] == 1 && frame[34] == 3
            : frame[20] == 58 && frame[54] == 1);

    private static bool IsTcpTo(byte[] frame, int header, int port)
    {
        const int Ethernet = 14, Tcp = 6;
        byte protocol = frame[Ethernet + (header == 20 ? 9 : 6)];
        int at = Ethernet + header + 2;
        return protocol == Tcp && frame.Length > at + 1 && ((frame[at] << 8) | frame[at + 1]) == port;
    }
}
