using System.Diagnostics;
using Runcvm.Egress;
using Runcvm.Linux.Bpf;
using Runcvm.Protocol.Wire;
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
            Assert.Empty(sets.Intersect(after));
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
    public void A_flow_without_connections_that_is_refused_does_not_come_back_as_the_peers() => TestNamespace.Run(() =>
    {
        const string Before = "allow=10.9.0.0/24:udp/123";
        using var tap = new EgressTap(Before);
        string question = IPv4("11", Udp(123));
        Assert.True(tap.Leaves(question));
        Exchange(tap, Before, "none");
        tap.Arrive(Datagram(from: 123, to: 40000));
        Assert.False(tap.Leaves(question));
        Exchange(tap, "none", Before);
        Assert.True(tap.Leaves(question));
        tap.Arrive(Datagram(from: 123, to: 40000));
        Assert.True(tap.Leaves(question));
        // Another flow of the same peer's is its own.
        Exchange(tap, Before, "none");
        tap.Arrive(Datagram(from: 123, to: 5353));
        Assert.True(tap.Leaves(IPv4("11", Udp(123, from: 5353))));
    });

    [Theory]
    [InlineData("allow=10.9.0.0/24:80;a.example:80", "allow=a.example:80")]
    [InlineData("allow=10.9.0.0/16:80;a.example:80", "allow=a.example:80;10.9.0.0/24:443")]
    public void A_flow_that_a_prefix_opened_ends_with_it_whatever_names_have_that_port(string before, string next)
        => TestNamespace.Run(() =>
        {
            using var tap = new EgressTap(before);
            Assert.True(tap.Leaves(Segment(80, "02")));
            Exchange(tap, before, next);
            Assert.False(tap.Leaves(Segment(80, "10")));
        });

    [Fact]
    public void A_supervisor_that_was_not_told_opens_nothing() => TestNamespace.Run(() =>
    {
        const string Before = "allow=a.example:443;b.example:443;192.0.2.128/25:443";
        using var tap = new EgressTap(Before);
        var pins = new PinTable(tap.Programs[0].Pins);
        int old = new EgressTables(Policy(Before), []).RuleSets[0];
        long now = Stopwatch.GetTimestamp();
        byte[] address = AddressPrefix.TryParse("192.0.2.7")!.Value.ToBytes();
        void Pin(int set) => pins.Put(address, set, now, now + 100_000_000_000);
        bool Reaches(int port) => tap.Leaves(Segment(port, "02", "c0000207"));
        Pin(old);
        Assert.True(Reaches(443));
        string[] next =
        [
            "allow=b.example:443;192.0.2.128/25:443", "allow=c.example:22;192.0.2.128/25:80",
            "allow=d.example:22,443;192.0.2.128/25:443",
        ];
        string before = Before;
        foreach (string policy in next)
        {
            Exchange(tap, before, policy, isTold: false);
            Pin(old);
            Assert.False(Reaches(443));
            Assert.False(Reaches(22));
            Assert.False(Reaches(80));
            before = policy;
        }

        int told = Exchange(tap, before, before)[0];
        Pin(old);
        Assert.False(Reaches(443));
        Pin(told);
        Assert.True(Reaches(443));
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

    [Fact]
    public void A_change_that_broke_off_is_done_again_and_ends_what_it_should_have_ended() => TestNamespace.Run(() =>
    {
        const string Before = "allow=10.9.0.0/24:80;10.9.0.3:22;a.example:80", Next = "allow=10.9.0.1:443;a.example:80";
        using var tap = new EgressTap(Before);
        Assert.True(tap.Leaves(Segment(80, "02")));
        IReadOnlyList<KernelMap> maps =
            KernelMap.TryOf(LoadedProgram.Of(tap.Programs[0].Decide), EgressPrograms.Name)!;
        var broken = new PolicyExchange(maps, Policy(Before), Policy(Next), [], tap.Contents[0]);
        // Of all that it would have put in only this came to the kernel; its end is missing, and the note says so.
        tap.Contents[0] = broken.Meanwhile;
        maps.First(static map => map.Name == EgressMaps.PrefixesName).TryRemove(
            EgressTables.KeyOf(AddressPrefix.TryParse("10.9.0.0/24")!.Value));
        foreach (KernelMap map in maps) map.Dispose();
        Exchange(tap, Next, Next);
        Assert.False(tap.Leaves(Segment(80, "10")));
        Assert.False(tap.Leaves(Segment(22, "02", Other)));
        Assert.True(tap.Leaves(Segment(443, "02")));
        Assert.False(tap.Contents[0].IsPending);
        Assert.Equal(["10.9.0.1"], tap.Contents[0].Prefixes.Select(static prefix => prefix.ToString()));
    });

    [Fact]
    public void Names_find_room_also_after_a_change_that_broke_off() => TestNamespace.Run(() =>
    {
        string Names(int port) => "allow=" + string.Join(';', Enumerable.Range(0, 40).Select(
            i => $"n{i}.example:{port + i}"));
        string before = Names(1000), next = Names(2000);
        using var tap = new EgressTap(before);
        IReadOnlyList<KernelMap> maps =
            KernelMap.TryOf(LoadedProgram.Of(tap.Programs[0].Decide), EgressPrograms.Name)!;
        var broken = new PolicyExchange(maps, Policy(before), Policy(next), [], tap.Contents[0]);
        tap.Contents[0] = broken.Meanwhile;
        broken.Begin();
        KernelMap ports = maps.First(static map => map.Name == EgressMaps.PortsName);
        // The beginning of its end: the new ones are open, and the old ones are not closed.
        foreach (int name in broken.Tables.Names) ports.Put(EgressMaps.Bytes(name), broken.Tables.Sets[name]);
        foreach (KernelMap map in maps) map.Dispose();
        Assert.Equal(40, Exchange(tap, next, next).Distinct().Count());
        Assert.Equal(40, tap.Contents[0].Names.Count);
    });

    [Fact]
    public void A_path_of_all_lengths_of_prefixes_can_be_exchanged() => TestNamespace.Run(() =>
    {
        AddressPrefix address = AddressPrefix.TryParse("2001::")!.Value;
        string nested = "allow=" + string.Join(';', Enumerable.Range(3, 126).Select(
            length => $"[{(address with { Length = length }).Network}]:{length}"));
        using var tap = new EgressTap(nested);
        Assert.Equal(127, tap.Contents[0].Prefixes.Count);
        Exchange(tap, nested, "allow=10.9.0.1:443");
        Assert.True(tap.Leaves(Segment(443, "02")));
        Assert.Single(tap.Contents[0].Prefixes);
    });

    [Fact]
    public void What_may_be_in_the_tables_is_read_as_it_was_written()
    {
        EgressContents contents =
            new EgressContents([AddressPrefix.TryParse("10.0.0.0/8")!.Value], [3, 70000], true);
        var policy = new LoadedPolicy("none", "", EgressOrigin.Host, new LoadedProgram(7, 8)) { Contents = contents };
        LoadedPolicy read = Assert.Single(WireBytes.Read<LoadedPolicies>(
            WireBytes.Of(new LoadedPolicies([policy])).ToArray()).All);
        Assert.Equal(policy.Program, read.Program);
        Assert.Equal(contents.Prefixes, read.Contents.Prefixes);
        Assert.Equal(contents.Names, read.Contents.Names);
        Assert.True(read.Contents.IsPending);
    }

    private static string Datagram(int from, int to)
        => "02420a090002" + "024200000001" + "0800" + "4500002400004000401100000a0900010a090002"
            + Udp(to, from: from) + Mark;

    private static EgressPolicy Policy(string text) => EgressPolicy.Parse(new OptionText("", text))!;

    private static IReadOnlyList<int> Exchange(EgressTap tap, string before, string next, bool isTold = true)
    {
        IReadOnlyList<KernelMap> maps =
            KernelMap.TryOf(LoadedProgram.Of(tap.Programs[0].Decide), EgressPrograms.Name)!;
        var exchange = new PolicyExchange(maps, Policy(before), Policy(next), [], tap.Contents[0]);
        exchange.Begin();
        exchange.End(isTold);
        tap.Contents[0] = exchange.Afterwards(isTold);
        foreach (KernelMap map in maps) map.Dispose();
        return exchange.Tables.RuleSets;
    }
}
