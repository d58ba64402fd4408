using System.Diagnostics;
using Runcvm.Egress;
using Runcvm.Linux.Bpf;
using Runcvm.Syntax;
using Runcvm.Tests.Netlink;
using static Runcvm.Tests.Egress.TestFrame;

namespace Runcvm.Tests.Egress;

/// <summary>A policy takes another one's place in the kernel while frames come.</summary>
public class PolicyExchangeTests
{
    private const string Other = "0a090003";

    [Fact]
    public void Rules_that_come_allow_and_those_that_go_do_not_and_their_flows_end() => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap("allow=10.9.0.0/24:80;10.9.0.3:22");
        Assert.True(tap.Leaves(Segment(80, "02")));
        Assert.True(tap.Leaves(Segment(22, "02", Other)));
        Assert.False(tap.Leaves(Segment(443, "02")));
        Exchange(tap, "allow=10.9.0.0/24:80;10.9.0.3:22", "allow=10.9.0.1:443;10.9.0.3:22");
        Assert.True(tap.Leaves(Segment(443, "02")));
        Assert.False(tap.Leaves(Segment(80, "10")));
        Assert.False(tap.Leaves(Segment(80, "02")));
        Assert.True(tap.Leaves(Segment(22, "10", Other)));
        Assert.False(tap.Leaves(Segment(80, "02", Other)));
        Exchange(tap, "allow=10.9.0.1:443;10.9.0.3:22", "none");
        Assert.False(tap.Leaves(Segment(443, "10")));
        Assert.False(tap.Leaves(Segment(22, "10", Other)));
        // And as it was.
        Exchange(tap, "none", "allow=10.9.0.0/24:80;10.9.0.3:22");
        Assert.True(tap.Leaves(Segment(80, "02")));
        Assert.False(tap.Leaves(Segment(443, "10")));
    });

    [Fact]
    public void A_prefix_that_is_refused_from_now_on_ends_what_goes_there_alone() => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap("allow=10.9.0.0/24:80,udp/123");
        string[] frames = [Segment(80, "10"), Segment(80, "10", Other), IPv4("11", Udp(123), Other)];
        Assert.All(frames, frame => Assert.True(tap.Leaves(frame)));
        Exchange(tap, "allow=10.9.0.0/24:80,udp/123", "allow=10.9.0.0/24:80,udp/123;deny=10.9.0.3:80");
        Assert.Equal([true, false, true], frames.Select(frame => tap.Leaves(frame)));
    });

    [Fact]
    public void What_others_began_goes_on_under_any_policy() => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap("allow=10.9.0.1:80");
        tap.Arrive("02420a090002" + "024200000001" + "0800" + "4500002800004000400600000a0900010a090002"
            + Tcp(8080, from: 5000) + Mark);
        string answer = IPv4("06", Tcp(5000, from: 8080, flags: "12"));
        Assert.True(tap.Leaves(answer));
        Exchange(tap, "allow=10.9.0.1:80", "none");
        Assert.True(tap.Leaves(answer));
    });

    [Fact]
    public void An_address_of_a_name_stays_open_with_its_rule_and_closes_where_nobody_was_told()
        => TestNamespace.Run(() =>
        {
            const string Before = "allow=a.example:443;b.example:80", After = "allow=a.example:443;c.example:22";
            using var tap = new EgressTap(Before);
            var pins = new PinTable(tap.Programs[0].Pins);
            IReadOnlyList<int> sets = new EgressTables(Policy(Before), []).RuleSets;
            long now = Stopwatch.GetTimestamp(), expiry = now + 100_000_000_000;
            byte[] address = AddressPrefix.TryParse("192.0.2.7")!.Value.ToBytes();
            foreach (int set in sets) pins.Put(address, set, now, expiry);
            string Frame(int port, string flags) => Segment(port, flags, "c0000207");
            Assert.True(tap.Leaves(Frame(443, "02")));
            Assert.True(tap.Leaves(Frame(80, "02")));
            IReadOnlyList<int> after = Exchange(tap, Before, After);
            Assert.Equal(sets[0], after[0]);
            Assert.True(tap.Leaves(Frame(443, "10")));
            // A supervisor that goes on to write what it knew.
            pins.Put(address, sets[1], now, expiry + 1);
            Assert.False(tap.Leaves(Frame(80, "10")));
            Assert.False(tap.Leaves(Frame(22, "02")));
            pins.Put(address, after[1], now, expiry);
            Assert.True(tap.Leaves(Frame(22, "02")));
            Exchange(tap, After, After, isTold: false);
            Assert.False(tap.Leaves(Frame(22, "02")));
            Assert.False(tap.Leaves(Frame(443, "02")));
            // Its rules are the same, so that it goes on without a fresh answer.
            Assert.True(tap.Leaves(Frame(443, "10")));
            Exchange(tap, After, "allow=c.example:22");
            Assert.False(tap.Leaves(Frame(443, "10")));
            Assert.True(tap.Leaves(Frame(22, "10")));
            Exchange(tap, "allow=c.example:22", "allow=c.example:22;deny=x.example");
            Assert.False(tap.Leaves(Frame(22, "10")));
        });

    [Fact]
    public void There_is_room_for_some_sets_and_an_error_for_more() => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap("none");
        string before = "none";
        // Over and over, so that what is no longer used must make room.
        for (int round = 0; round < 5; round++)
        {
            string next = "allow=" + string.Join(';', Enumerable.Range(1, 15).Select(
                i => $"10.9.0.1:{(round * 100) + i};10.9.1.{i}:{1000 + (round * 100) + i}"));
            Exchange(tap, before, next);
            Assert.True(tap.Leaves(Segment((round * 100) + 1, "02")));
            before = next;
        }

        string many = "allow=" + string.Join(';', Enumerable.Range(1, 40).Select(i => $"10.9.1.{i}:{i}"));
        Assert.Contains("no room", Assert.Throws<UsageException>(() => Exchange(tap, before, many)).Message,
            StringComparison.Ordinal);
        Assert.True(tap.Leaves(Segment(401, "02")));
    });

    [Fact]
    public void All_of_IPv6_is_not_all_of_IPv4() => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap("allow=[::/0]:443");
        Assert.True(tap.Leaves(IPv6("06", Tcp(443))));
        Assert.False(tap.Leaves(Segment(443, "02")));
        Exchange(tap, "allow=[::/0]:443", EgressPolicyChange.Everything);
        Assert.True(tap.Leaves(Segment(443, "02")));
        Assert.True(tap.Leaves(IPv4("11", Udp(53))));
        Exchange(tap, EgressPolicyChange.Everything, "allow=[::/0]:443");
        Assert.False(tap.Leaves(Segment(443, "02")));
    });

    [Fact]
    public void A_program_is_found_by_number_and_time_and_not_by_number_alone() => TestNamespace.Run(() =>
    {
        using var tap = new EgressTap("none");
        var program = LoadedProgram.Of(tap.Programs[0].Decide);
        Assert.Null(KernelMap.TryOf(program with { Time = program.Time - 1 }, EgressPrograms.Name));
        Assert.Null(KernelMap.TryOf(program, "rcvm_record"));
        Assert.Null(KernelMap.TryOf(LoadedProgram.Of(tap.Programs[0].Record), EgressPrograms.Name));
        Assert.NotNull(KernelMap.TryOf(program, EgressPrograms.Name));
    });

    private static string Segment(int port, string flags, string to = Gateway)
        => IPv4("06", Tcp(port, flags: flags), to);

    private static EgressPolicy Policy(string text) => EgressPolicy.Parse(new OptionText("", text))!;

    private static IReadOnlyList<int> Exchange(EgressTap tap, string before, string next, bool isTold = true)
    {
        IReadOnlyList<KernelMap> maps =
            KernelMap.TryOf(LoadedProgram.Of(tap.Programs[0].Decide), EgressPrograms.Name)!;
        var exchange = new PolicyExchange(maps, Policy(before), Policy(next), []);
        exchange.Begin();
        exchange.End(isTold);
        foreach (KernelMap map in maps) map.Dispose();
        return exchange.Tables.RuleSets;
    }
}
