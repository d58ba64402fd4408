using Runcvm.Egress;
using Runcvm.Tests.Netlink;
using static Runcvm.Tests.Egress.TestFrame;

namespace Runcvm.Tests.Egress;

/// <summary>Frames of a machine against the programs in the kernel, with a receiver that sees all that
/// leaves.</summary>
public class EgressProgramTests
{
    private const string Policy =
        "allow=10.9.0.1:80,udp/123,icmp;[fd09::1]:80,udp/123,icmp;10.20.0.0/16;deny=10.20.9.0/24:22";

    [Theory]
    [InlineData("TCP to an allowed port", true)]
    [InlineData("TCP to another port", false)]
    [InlineData("TCP to another address", false)]
    [InlineData("UDP to an allowed port", true)]
    [InlineData("UDP to a port of TCP", false)]
    [InlineData("ping", true)]
    [InlineData("ping elsewhere", false)]
    [InlineData("echo reply that nobody asked for", false)]
    [InlineData("ICMP error", false)]
    [InlineData("any port of an allowed network", true)]
    [InlineData("DNS in an allowed network", false)]
    [InlineData("DNS over TLS in an allowed network", false)]
    [InlineData("another port of the refused network", true)]
    [InlineData("refused port of the refused network", false)]
    [InlineData("TCP over IPv6", true)]
    [InlineData("TCP over IPv6 to another port", false)]
    [InlineData("UDP over IPv6", true)]
    [InlineData("ping over IPv6", true)]
    [InlineData("TCP over IPv6 to another address", false)]
    [InlineData("acknowledgement without a connection", false)]
    [InlineData("IPv4 in IPv6's clothes", false)]
    [InlineData("first fragment", false)]
    [InlineData("later fragment", false)]
    [InlineData("header with options", false)]
    [InlineData("IPv6 in fragments", false)]
    [InlineData("IPv6 behind options", false)]
    [InlineData("IPv6 behind routing", false)]
    [InlineData("multicast listener report", false)]
    [InlineData("6in4", false)]
    [InlineData("GRE", false)]
    [InlineData("SCTP", false)]
    [InlineData("IPv4 in IPv6", false)]
    [InlineData("multicast", false)]
    [InlineData("broadcast", false)]
    [InlineData("loopback", false)]
    [InlineData("nobody", false)]
    [InlineData("allowed address in a frame to all", false)]
    [InlineData("allowed address of IPv6 in a frame to all", false)]
    [InlineData("DHCP", false)]
    [InlineData("another's address", false)]
    [InlineData("another's address of IPv6", false)]
    [InlineData("no address of IPv6", false)]
    [InlineData("VLAN tag", false)]
    [InlineData("two VLAN tags", false)]
    [InlineData("another kind of frame", false)]
    [InlineData("IPv4 that says it is IPv6", false)]
    [InlineData("IPv6 that says it is IPv4", false)]
    [InlineData("cut short in the header", false)]
    [InlineData("cut short in TCP", false)]
    [InlineData("ARP", true)]
    [InlineData("ARP with a letter in it", false)]
    [InlineData("solicitation of a neighbour", true)]
    [InlineData("solicitation through a router", false)]
    [InlineData("solicitation of few hops", false)]
    [InlineData("solicitation with a letter in it", false)]
    [InlineData("unfinished checksum of TCP", true)]
    [InlineData("unfinished checksum over TCP's port", false)]
    [InlineData("unfinished checksum over the address", false)]
    [InlineData("unfinished checksum over IPv6's address", false)]
    [InlineData("unfinished checksum of UDP", true)]
    [InlineData("unfinished checksum over UDP's port", false)]
    [InlineData("unfinished checksum of a ping", false)]
    public void Only_what_a_rule_allows_leaves(string name, bool leaves) => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap(Policy);
        (string frame, string header) = Frame(name);
        Assert.Equal(leaves, tap.Leaves(frame, header));
    });

    [Fact]
    public void With_two_policies_both_must_agree() => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap("allow=10.0.0.0/8:80,443", "allow=10.9.0.1:80,22");
        Assert.Equal([true, false, false], new[] { 80, 443, 22 }.Select(port => tap.Leaves(IPv4("06", Tcp(port)))));
    });

    [Fact]
    public void Of_none_nothing_leaves_and_the_internet_has_nothing_private() => TestNamespace.Run(() =>
    {
        using (var tap = new EgressTap("none")) Assert.False(tap.Leaves(IPv4("06", Tcp(443), "08080808")));
        using var open = new EgressTap("public");
        string[] private4 = ["0a010203", "ac100001", "c0a80101", "a9fea9fe", "64400001", "c6120001"];
        Assert.DoesNotContain(true, private4.Select(address => open.Leaves(IPv4("06", Tcp(443), address))));
        string[] private6 = ["fd090000000000000000000000000001", "fe800000000000000000000000000001",
            "0064ff9b00000000000000000a010203", "20020a0102030000" + "0000000000000001"];
        Assert.DoesNotContain(true, private6.Select(address => open.Leaves(IPv6("06", Tcp(443), address))));
        Assert.True(open.Leaves(IPv4("06", Tcp(443), "08080808")));
        Assert.True(open.Leaves(IPv4("11", Udp(443), "08080808")));
        Assert.True(open.Leaves(IPv6("06", Tcp(443), "2a000000000000000000000000000001")));
        Assert.True(open.Leaves(IPv6("06", Tcp(443), "0064ff9b000000000000000008080808")));
        Assert.False(open.Leaves(IPv4("11", Udp(53), "08080808")));
    });

    [Fact]
    public void Who_began_to_talk_to_the_machine_is_answered_and_cannot_be_called() => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap("none");
        string syn = "02420a090002" + "024200000001" + "0800" + "4500002800004000400600000a0900010a090002"
            + Tcp(8080, from: 5000) + Mark;
        Assert.False(tap.Leaves(IPv4("06", Tcp(5000, from: 8080, flags: "12"))));
        tap.Arrive(syn);
        Assert.True(tap.Leaves(IPv4("06", Tcp(5000, from: 8080, flags: "12"))));
        Assert.True(tap.Leaves(IPv4("06", Tcp(5000, from: 8080, flags: "10"))));
        Assert.False(tap.Leaves(IPv4("06", Tcp(5000, from: 8080, flags: "02"))));
        Assert.False(tap.Leaves(IPv4("06", Tcp(5001, from: 8080, flags: "10"))));
        Assert.False(tap.Leaves(IPv4("06", Tcp(5000, from: 8081, flags: "10"))));
        Assert.False(tap.Leaves(IPv4("11", Udp(5000, from: 8080))));
        // To the namespace's own ports: an answer that Docker's nameserver awaits, and no question to the machine.
        tap.Arrive("02420a090002" + "024200000001" + "0800" + "4500002400004000401100000a0900010a090002"
            + Udp(61500, from: 53) + Mark);
        Assert.False(tap.Leaves(IPv4("11", Udp(53, from: 61500))));
    });

    [Fact]
    public void An_address_that_a_name_has_is_reached_while_its_answer_is_fresh() => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap("allow=other.example;example.org:443");
        var pins = new PinTable(tap.Programs[0].Pins);
        int set = new EgressTables(EgressPolicy.Parse(new("", "allow=other.example;example.org:443"))!, []).RuleSets[1];
        long now = System.Diagnostics.Stopwatch.GetTimestamp();
        byte[] address = AddressPrefix.TryParse("192.0.2.7")!.Value.ToBytes();
        string Frame(int port, string flags = "02") => IPv4("06", Tcp(port, flags: flags), "c0000207");
        Assert.False(tap.Leaves(Frame(443)));
        pins.Put(address, set, now, now + 10_000_000_000);
        Assert.True(tap.Leaves(Frame(443)));
        Assert.False(tap.Leaves(Frame(80)));
        pins.Put(AddressPrefix.TryParse("192.0.2.8")!.Value.ToBytes(), set, now, now - 1);
        Assert.False(tap.Leaves(IPv4("06", Tcp(443), "c0000208")));
    });

    [Fact]
    public void A_refusal_is_told_at_once() => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap("none");
        string[] frames = [IPv4("06", Tcp(443)), IPv6("06", Tcp(443)), IPv4("11", Udp(443)), IPv6("11", Udp(443))];
        Assert.All(frames, frame => Assert.False(tap.Leaves(frame)));
        List<string> answers = tap.Answers(4);
        Assert.Collection(
            answers,
            // From the gateway's port 443 to 40000: a reset that acknowledges sequence number 1 + 1.
            reset => Assert.Contains(
                "0a0900010a090002" + "01bb9c40" + "00000000" + "00000002" + "5014", reset, StringComparison.Ordinal),
            reset => Assert.Contains(
                Gateway6 + Own6 + "01bb9c40" + "00000000" + "00000002" + "5014", reset, StringComparison.Ordinal),
            prohibited => Assert.Contains("0a0900010a090002" + "030d", prohibited, StringComparison.Ordinal),
            prohibited => Assert.Contains(Gateway6 + Own6 + "0101", prohibited, StringComparison.Ordinal));
        Assert.All(answers, static answer => Assert.True(ChecksumIsRight(answer), answer));
    });

    private static bool ChecksumIsRight(string answer)
    {
        byte[] frame = Convert.FromHexString(answer);
        bool v4 = frame[12] == 0x08;
        int header = v4 ? 20 : 40, begin = 14 + header, protocol = frame[14 + (v4 ? 9 : 6)];
        byte[] pseudo = protocol == 1 ? []
            : [.. frame[(14 + (v4 ? 12 : 8))..begin], 0, 0, (byte)((frame.Length - begin) >> 8),
            (byte)(frame.Length - begin), 0, (byte)protocol];
        return Sum([.. pseudo, .. frame[begin..]]) == 0xFFFF && (!v4 || Sum(frame[14..34]) == 0xFFFF);
    }

    private static int Sum(byte[] bytes)
    {
        int sum = 0;
        for (int i = 0; i < bytes.Length; i += 2) sum += (bytes[i] << 8) | (i + 1 < bytes.Length ? bytes[i + 1] : 0);
        while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
        return sum;
    }

    private static (string Frame, string Header) Frame(string name) => name switch
    {
        "TCP to an allowed port" => Plain(IPv4("06", Tcp(80))),
        "TCP to another port" => Plain(IPv4("06", Tcp(81))),
        "TCP to another address" => Plain(IPv4("06", Tcp(80), "0a090003")),
        "UDP to an allowed port" => Plain(IPv4("11", Udp(123))),
        "UDP to a port of TCP" => Plain(IPv4("11", Udp(80))),
        "ping" => Plain(IPv4("01", Ping("08"))),
        "ping elsewhere" => Plain(IPv4("01", Ping("08"), "0a090003")),
        "echo reply that nobody asked for" => Plain(IPv4("01", Ping("00"))),
        "ICMP error" => Plain(IPv4("01", "0303000000000000")),
        "any port of an allowed network" => Plain(IPv4("06", Tcp(7777), "0a140101")),
        "DNS in an allowed network" => Plain(IPv4("11", Udp(53), "0a140101")),
        "DNS over TLS in an allowed network" => Plain(IPv4("06", Tcp(853), "0a140101")),
        "another port of the refused network" => Plain(IPv4("06", Tcp(23), "0a140901")),
        "refused port of the refused network" => Plain(IPv4("06", Tcp(22), "0a140901")),
        "TCP over IPv6" => Plain(IPv6("06", Tcp(80))),
        "TCP over IPv6 to another port" => Plain(IPv6("06", Tcp(81))),
        "UDP over IPv6" => Plain(IPv6("11", Udp(123))),
        "ping over IPv6" => Plain(IPv6("3a", Ping("80"))),
        "TCP over IPv6 to another address" => Plain(IPv6("06", Tcp(80), "fd090000000000000000000000000003")),
        "acknowledgement without a connection" => Plain(IPv4("06", Tcp(81, flags: "10"))),
        "IPv4 in IPv6's clothes" => Plain(IPv6("06", Tcp(80), "00000000000000000000ffff0a090001")),
        "first fragment" => Plain(IPv4("11", Udp(123), fragment: "2000")),
        "later fragment" => Plain(IPv4("11", Udp(123), fragment: "0002")),
        "header with options" => Plain(IPv4("06", "01010101" + Tcp(80), begin: "4600")),
        "IPv6 in fragments" => Plain(IPv6("2c", "1100000100000001" + Udp(123))),
        "IPv6 behind options" => Plain(IPv6("3c", "1100010400000000" + Udp(123))),
        "IPv6 behind routing" => Plain(IPv6("2b", "1100000000000000" + Udp(123))),
        "multicast listener report"
            => Plain(IPv6("00", "3a000502000001008f00000000000000", "ff020000000000000000000000000016", hops: "01",
            card: "333300000016")),
        "6in4" => Plain(IPv4("29", "600000000000113f" + Own6 + Gateway6)),
        "GRE" => Plain(IPv4("2f", "00000800" + "45000000")),
        "SCTP" => Plain(IPv4("84", "9c40005000000000")),
        "IPv4 in IPv6" => Plain(IPv6("04", "450000280000400040060000" + Own4 + Gateway + Tcp(80))),
        "multicast" => Plain(IPv4("11", Udp(123), "e00000fb", card: "01005e0000fb")),
        "broadcast" => Plain(IPv4("11", Udp(123), "ffffffff", card: "ffffffffffff")),
        "loopback" => Plain(IPv4("11", Udp(123), "7f000001")),
        "nobody" => Plain(IPv4("11", Udp(123), "00000000")),
        "allowed address in a frame to all" => Plain(IPv4("11", Udp(123), card: "ffffffffffff")),
        "allowed address of IPv6 in a frame to all" => Plain(IPv6("11", Udp(123), card: "333300000001")),
        "DHCP" => Plain(IPv4("11", Udp(67, from: 68), "ffffffff", "00000000", card: "ffffffffffff")),
        "another's address" => Plain(IPv4("06", Tcp(80), from: "0a090003")),
        "another's address of IPv6" => Plain(IPv6("06", Tcp(80), from: "fd090000000000000000000000000003")),
        "no address of IPv6" => Plain(IPv6("06", Tcp(80), from: "00000000000000000000000000000000")),
        "VLAN tag" => Plain(Ethernet("8100", "0005" + "0800" + IPv4("06", Tcp(80))[28..])),
        "two VLAN tags" => Plain(Ethernet("88a8", "0005" + "8100" + "0005" + "0800" + IPv4("06", Tcp(80))[28..])),
        "another kind of frame" => Plain(Ethernet("88b5", "00")),
        "IPv4 that says it is IPv6" => Plain(Ethernet("86dd", IPv4("06", Tcp(80))[28..])),
        "IPv6 that says it is IPv4" => Plain(Ethernet("0800", IPv6("06", Tcp(80))[28..])),
        "cut short in the header" => Plain(Ethernet("0800", "4500003c00004000")),
        "cut short in TCP" => Plain(IPv4("06", "9c400050")),
        "ARP" => Plain(Arp(Gateway)),
        "ARP with a letter in it" => Plain(Arp(Gateway) + new string('a', 200)),
        "solicitation of a neighbour" => Plain(Solicitation(Gateway6, "ff0200000000000000000001ff000001")),
        "solicitation through a router"
            => Plain(Solicitation("2a000000000000000000000000000001", "2a000000000000000000000000000001")),
        "solicitation of few hops" => Plain(Solicitation(Gateway6, "ff0200000000000000000001ff000001", hops: "40")),
        "solicitation with a letter in it"
            => Plain(Solicitation(Gateway6, "ff0200000000000000000001ff000001") + new string('a', 200)),
        "unfinished checksum of TCP" => (IPv4("06", Tcp(80)), Unfinished(34, 16)),
        "unfinished checksum over TCP's port" => (IPv4("06", Tcp(80)), Unfinished(34, 2)),
        "unfinished checksum over the address" => (IPv4("06", Tcp(80)), Unfinished(26, 4)),
        "unfinished checksum over IPv6's address" => (IPv6("06", Tcp(80)), Unfinished(40, 12)),
        "unfinished checksum of UDP" => (IPv4("11", Udp(123)), Unfinished(34, 6)),
        "unfinished checksum over UDP's port" => (IPv4("11", Udp(123)), Unfinished(34, 2)),
        "unfinished checksum of a ping" => (IPv4("01", Ping("08")), Unfinished(34, 2)),
        _ => throw new ArgumentException(name),
    };

    private static (string Frame, string Header) Plain(string frame) => (frame, Finished);
}
