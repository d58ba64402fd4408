using Runcvm.Egress;
using Runcvm.Linux.Bpf;
using Runcvm.Tests.Netlink;
using static Runcvm.Tests.Egress.TestFrame;

namespace Runcvm.Tests.Egress;

public class LearnedPolicyTests
{
    private const string Public = "9.9.9.9", Private = "10.1.2.3", Long = "2a00::1";

    [Fact]
    public void Names_that_led_somewhere_stand_for_it_and_addresses_where_none_did()
        => Assert.Equal(
            "allow=10.1.2.3:5432;[2a00::1]:443;a.example:80,443,udp/123;inner.example:5432;z.example:80,443,udp/123",
            LearnedPolicy.Of(
                [
                    At(Public, 6, 443), At(Public, 6, 80), At(Public, 17, 123), At(Private, 6, 5432), At(Long, 6, 443),
                ],
                [
                    ("z.example", Address(Public), true), ("a.example", Address(Public), true),
                    ("unused.example", Address("9.9.9.8"), true), ("inner.example", Address(Private), false),
                ]));

    [Fact]
    public void A_container_on_the_network_needs_no_address_and_a_ping_no_port()
        => Assert.Equal("allow=10.1.2.3:icmp;db:5432", LearnedPolicy.Of(
            [At("172.18.0.3", 6, 5432), At(Private, 1, 0)], [("db", Address("172.18.0.3"), true)]));

    [Fact]
    public void Who_went_nowhere_needs_nothing() => Assert.Equal("none", LearnedPolicy.Of([], []));

    [Fact]
    public void More_than_a_policy_may_have_is_an_error()
        => Assert.Contains("more than 1000 rules", Assert.Throws<UsageException>(() => LearnedPolicy.Of(
            [.. Enumerable.Range(0, 1001).Select(static i => At($"9.9.{i >> 8}.{i & 255}", 6, 80))], [])).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Names_times_ports_are_bounded()
    {
        LearnedPolicy.Target[] reached = [.. Enumerable.Range(1, 4096).Select(static port => At(Public, 6, port))];
        AddressPrefix address = Address(Public);
        foreach ((int names, string reason) in ((int, string)[])[(4096, "1000 rules"), (500, "32768 ports")])
            Assert.Contains("more than " + reason, Assert.Throws<UsageException>(() => LearnedPolicy.Of(reached,
                [.. Enumerable.Range(0, names).Select(i => ($"n{i}.example", address, true))])).Message,
                StringComparison.Ordinal);
        // One and the same, said over and over, is one.
        Assert.StartsWith("allow=n.example:1,2,3,", LearnedPolicy.Of(reached,
            [.. Enumerable.Repeat(("n.example", address, true), 4096)]), StringComparison.Ordinal);
    }

    [Fact]
    public void Under_learn_all_passes_that_could_and_where_it_went_is_known() => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap("allow=10.9.0.0/16:53,80,udp/53,icmp", "learn");
        string[] frames =
            [
                IPv4("06", Tcp(80)), IPv4("11", Udp(53)), IPv4("01", Ping("08")), IPv4("06", Tcp(80, flags: "10")),
                // What the other policy refuses, and what none could allow.
                IPv4("06", Tcp(443)), IPv4("11", Udp(53), "e00000fb", card: "01005e0000fb"),
            ];
        Assert.Equal([true, true, true, true, false, false], frames.Select(frame => tap.Leaves(frame)));
        IReadOnlyList<KernelMap> maps = KernelMap.TryOf(LoadedProgram.Of(tap.Programs[1].Decide), EgressPrograms.Name)!;
        Assert.Equal("allow=10.9.0.1:80,udp/53,icmp", LearnedPolicy.Of(LearnedPolicy.Reached(maps), []));
        foreach (KernelMap map in maps) map.Dispose();
    });

    [Fact]
    public void What_happens_is_counted() => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap("allow=10.9.0.1:80");
        foreach (string frame in (string[])[IPv4("06", Tcp(80)), IPv4("06", Tcp(80, flags: "10")), IPv4("06", Tcp(81)),
            IPv4("06", Tcp(82)), IPv4("2f", "00000800" + "45000000")]) tap.Leaves(frame);
        new PinTable(tap.Programs[0].Pins).CountRefusal();
        EgressState state = EgressState.TryOf(new LoadedPolicy(
            "", "", EgressOrigin.Container, LoadedProgram.Of(tap.Programs[0].Decide)))!;
        Assert.Equal(new EgressState.Counts(1, 2, 1, 1), state.Counted);
        Assert.Equal(["10.9.0.1:81", "10.9.0.1:82"], state.Refusals.Select(static refusal => refusal.Rule).Order());
        Assert.Empty(state.Open);
    });

    private static LearnedPolicy.Target At(string address, int protocol, int port)
        => new(Address(address), protocol, port);

    private static AddressPrefix Address(string text) => AddressPrefix.TryParse(text)!.Value;
}
