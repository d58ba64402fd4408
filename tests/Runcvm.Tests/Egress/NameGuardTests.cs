using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Egress;
using Runcvm.Linux.Mappings;
using Runcvm.Syntax;

namespace Runcvm.Tests.Egress;

public sealed class NameGuardTests : IDisposable
{
    private const ushort Id = 0x1234;

    // In the place of the kernel's map.
    private readonly SafeFileHandle _table = SharedMapping.NewFile("pins", PinTable.Size);
    private readonly List<string> _told = [];

    public void Dispose() => _table.Dispose();

    [Fact]
    public void A_name_that_no_rule_allows_is_not_asked_and_the_asker_learns_why()
    {
        NameQuestion question = Question("other.example", options: true);
        byte[] refusal = Guard("allow=*.example.org")!.Refuse(question)!;
        Assert.Equal(3, refusal[3] & 0x0F);
        Assert.Equal(Id, BinaryPrimitives.ReadUInt16BigEndian(refusal));
        // RFC 8914: option 15, its length, 15 "blocked", a text.
        Assert.EndsWith("\0\u000f\0\u001a\0\u000frefused by RUNCVM_EGRESS", Encoding.Latin1.GetString(refusal),
            StringComparison.Ordinal);
        Assert.Equal("other.example is not resolved: no rule of RUNCVM_EGRESS allows it", Assert.Single(_told));
        Assert.NotNull(Guard("none")!.Refuse(Question("www.example.org")));
        Assert.Null(Guard("allow=*.example.org")!.Refuse(Question("www.example.org")));
    }

    [Fact]
    public void What_is_asked_upstream_holds_nothing_of_the_guests_but_the_name()
    {
        byte[] asked = Ask("WwW.example.org", 1, options: true);
        byte[] padded = [.. asked[..^2], 0, 8, 0, 12, 0, 4, (byte)'s', (byte)'e', (byte)'c', (byte)'r'];
        byte[] upstream = NameQuestion.TryRead(padded)!.ToUpstream(0x7777);
        Assert.Equal([0x77, 0x77], upstream[..2]);
        Assert.Equal("\u0003www\u0007example\u0003org\0", Encoding.Latin1.GetString(upstream, 12, 17));
        Assert.DoesNotContain("secr", Encoding.Latin1.GetString(upstream), StringComparison.Ordinal);
        Assert.Null(NameQuestion.TryRead([]));
        Assert.Null(NameQuestion.TryRead(asked[..20]));
        Assert.Null(NameQuestion.TryRead([.. asked[..2], 0x81, .. asked[3..]]));
        Assert.Null(NameQuestion.TryRead([.. asked[..5], 2, .. asked[6..]]));
    }

    [Fact]
    public void Addresses_of_an_answer_are_pinned_and_it_goes_on_as_it_came()
    {
        NameQuestion question = Question("WWW.example.org");
        byte[] answer = Answer("www.example.org", Record("www.example.org", 1, [9, 9, 9, 9]),
            Record("www.example.org", 28, [0x2A, .. new byte[14], 1]));
        byte[] taken = Guard("allow=*.example.org:443")!.Take(question, 0x7777, answer, isStream: false)!;
        Assert.Equal(Id, BinaryPrimitives.ReadUInt16BigEndian(taken));
        Assert.Contains("WWW", Encoding.Latin1.GetString(taken), StringComparison.Ordinal);
        Assert.Equal(answer[40..], taken[40..]);
        Assert.Equal(["2a00::1", "9.9.9.9"], Pinned());
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("10.1.2.3")]
    [InlineData("172.18.0.3")]
    [InlineData("100.100.100.200")]
    [InlineData("::1")]
    [InlineData("::ffff:10.1.2.3")]
    [InlineData("fd00::1")]
    [InlineData("fe80::1")]
    [InlineData("64:ff9b::a01:203")]
    [InlineData("2002:a01:203::1")]
    [InlineData("0.0.0.0")]
    public void A_name_cannot_lead_inside(string address)
    {
        byte[] bytes = System.Net.IPAddress.Parse(address).GetAddressBytes();
        ushort type = (ushort)(bytes.Length == 4 ? 1 : 28);
        NameGuard guard = Guard("allow=*.example.org:443", isNeighbour: static _ => true)!;
        byte[] taken = guard.Take(
            Question("www.example.org"), 0x7777, Answer("www.example.org", Record("www.example.org", type, bytes)),
            isStream: false)!;
        Assert.Equal(0, BinaryPrimitives.ReadUInt16BigEndian(taken.AsSpan(6)));
        Assert.Empty(Pinned());
    }

    [Fact]
    public void A_prefix_of_a_rule_and_a_container_on_the_network_may_be_an_answer()
    {
        byte[] inside = Answer("db.example.org", Record("db.example.org", 1, [10, 1, 2, 3]));
        Assert.NotNull(Guard("allow=*.example.org:443;10.1.0.0/16:5432")!.Take(
            Question("db.example.org"), 0x7777, inside, isStream: false));
        Assert.Equal(["10.1.2.3"], Pinned());
        byte[] local = Answer("db", Record("db", 1, [172, 18, 0, 3]), Record("db", 1, [172, 18, 0, 1]));
        byte[] taken = Guard("allow=db:5432", isNeighbour: static address => address[3] == 3)!.Take(
            Question("db"), 0x7777, local, isStream: false)!;
        Assert.Equal(1, BinaryPrimitives.ReadUInt16BigEndian(taken.AsSpan(6)));
        Assert.Equal(["10.1.2.3", "172.18.0.3"], Pinned());
    }

    [Fact]
    public void Only_the_way_of_aliases_from_the_name_counts()
    {
        byte[] answer = Answer(
            "www.example.org", Record("edge.cdn.example", 1, [9, 9, 9, 1]),
                Record("www.example.org", 5, DnsName.ToBytes("a.cdn.example")),
            Record("a.cdn.example", 5, DnsName.ToBytes("edge.cdn.example")),
                Record("stranger.example", 1, [9, 9, 9, 2]));
        byte[] taken = Guard("allow=www.example.org")!.Take(
            Question("www.example.org"), 0x7777, answer, isStream: false)!;
        Assert.Equal(3, BinaryPrimitives.ReadUInt16BigEndian(taken.AsSpan(6)));
        Assert.Equal(["9.9.9.1"], Pinned());
    }

    [Fact]
    public void Other_rules_hold_from_now_on_and_close_what_only_the_old_ones_opened()
    {
        NameGuard guard = Guard("allow=*.example.org:443;kept.example:80;10.0.0.0/8")!;
        Take("www.example.org", [9, 9, 9, 9]);
        Take("kept.example", [9, 9, 9, 8]);
        Take("kept.example", [10, 1, 2, 3]);
        Assert.Equal(["10.1.2.3", "9.9.9.8", "9.9.9.9"], Pinned());
        var policy = EgressPolicy.Parse(new OptionText("RUNCVM_EGRESS", "allow=kept.example:443;new.example"))!;
        guard.Change(0, policy, [7, 8]);
        // Under the new rule's set; that address was no name's to give but for a rule that is gone.
        Assert.Equal(["9.9.9.8"], Pinned());
        Assert.Null(guard.Refuse(Question("new.example")));
        Assert.NotNull(guard.Refuse(Question("www.example.org")));
        Take("new.example", [9, 9, 9, 7]);
        Assert.Equal(["9.9.9.7", "9.9.9.8"], Pinned());
        Assert.Equal([7, 8], Sets());
        guard.Change(0, policy with { Rules = [] }, []);
        Assert.Empty(Pinned());

        void Take(string name, byte[] address) => guard.Take(
            Question(name), 0x7777, Answer(name, Record(name, 1, address)), isStream: false);

        IEnumerable<int> Sets()
        {
            SharedMapping memory = SharedMapping.OfMap(_table, PinTable.Size);
            return Enumerable.Range(0, PinTable.Slots).Select(i => memory.Part(i * PinTable.SlotSize, PinTable.SlotSize)
                .ToArray()).Where(static slot => BinaryPrimitives.ReadInt64LittleEndian(slot.AsSpan(16)) != 0)
                .Select(static slot => BinaryPrimitives.ReadInt32LittleEndian(slot.AsSpan(PinTable.SetOffset))).Order();
        }
    }

    [Fact]
    public void Only_the_last_answers_are_remembered()
    {
        var names = new AnsweredNames();
        for (int i = 0; i < AnsweredNames.Most + 10; i++)
        {
            names.Add(new("first", AddressPrefix.Of([9, 9, 9, 9]), i));
            names.Add(new($"n{i}", AddressPrefix.Of([9, 9, 9, 9]), i));
        }

        Assert.Equal(AnsweredNames.Most, names.All.Count());
        Assert.Equal(AnsweredNames.Most + 9, Assert.Single(names.All, static answer => answer.Name == "first").Expiry);
    }

    [Fact]
    public void An_answer_to_something_else_is_none()
    {
        NameGuard guard = Guard("allow=*.example.org")!;
        NameQuestion question = Question("www.example.org");
        byte[] answer = Answer("www.example.org", Record("www.example.org", 1, [9, 9, 9, 9]));
        Assert.Null(guard.Take(question, 0x7778, answer, isStream: false));
        Assert.Null(guard.Take(question, 0x7777, Answer("wwx.example.org"), isStream: false));
        Assert.Null(guard.Take(question, 0x7777, [.. answer[..2], 1, .. answer[3..]], isStream: false));
        for (int length = 0; length < answer.Length; length++) Assert.Null(
            guard.Take(question, 0x7777, answer[..length], isStream: false));
        Assert.Empty(Pinned());
    }

    [Fact]
    public void A_broken_message_is_read_without_harm()
    {
        var random = new Random(27);
        byte[] answer = Answer("www.example.org", Record("www.example.org", 5, DnsName.ToBytes("a.example")),
            Record("a.example", 1, [9, 9, 9, 9]));
        NameGuard guard = Guard("allow=*.example.org")!;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] broken = [.. answer];
            for (int n = random.Next(1, 4); n > 0; n--) broken[random.Next(broken.Length)] = (byte)random.Next(256);
            _ = NameQuestion.TryRead(broken);
            _ = guard.Take(Question("www.example.org"), 0x7777, broken, isStream: i % 2 == 0);
        }
    }

    [Fact]
    public void A_table_that_is_full_forgets_what_ends_soonest()
    {
        var table = new PinTable(_table);
        long now = Stopwatch.GetTimestamp();
        for (int i = 0; i < PinTable.Slots * 2; i++) table.Put(
            AddressPrefix.Of([9, 1, (byte)(i >> 8), (byte)i]).ToBytes(), 1 + (i >> 16), now, now + 1_000_000_000_000
            + i);
        byte[] last = AddressPrefix.Of([9, 2, 2, 2]).ToBytes();
        table.Put(last, 1, now, now + 2_000_000_000_000);
        Assert.Contains("9.2.2.2", Pinned());
    }

    private NameGuard? Guard(string policy, Func<byte[], bool>? isNeighbour = null)
        => new([(EgressPolicy.Parse(new OptionText("RUNCVM_EGRESS", policy))!, new PinTable(_table))], isNeighbour
            ?? (static _ => false), sentence => _told.Add(sentence));

    private List<string> Pinned()
    {
        SharedMapping memory = SharedMapping.OfMap(_table, PinTable.Size);
        long now = Stopwatch.GetTimestamp();
        var found = new List<string>();
        for (int i = 0; i < PinTable.Slots; i++)
        {
            Span<byte> slot = memory.Part(i * PinTable.SlotSize, PinTable.SlotSize);
            if (BinaryPrimitives.ReadInt64LittleEndian(slot[PinTable.ExpiryOffset..]) <= now) continue;
            AddressPrefix address = AddressPrefix.Of(slot[..16]);
            Assert.InRange((uint)(i - PinTable.Hash(slot[..16]) + PinTable.Slots) % PinTable.Slots, 0u,
                PinTable.Neighbours - 1u);
            found.Add(address.ToString());
        }

        return [.. found.Order(StringComparer.Ordinal)];
    }

    private static NameQuestion Question(string name, bool options = false)
        => NameQuestion.TryRead(Ask(name, 1, options))!;

    private static byte[] Ask(string name, ushort type, bool options = false)
    {
        byte[] question = [Id >> 8, Id & 0xFF, 1, 0, 0, 1, 0, 0, 0, 0, 0, (byte)(options ? 1 : 0),
            .. DnsName.ToBytes(name), (byte)(type >> 8), (byte)type, 0, 1];
        return options ? [.. question, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0] : question;
    }

    private static byte[] Answer(string name, params byte[][] records)
        => [0x77, 0x77, 0x81, 0x80, 0, 1, 0, (byte)records.Length, 0, 0, 0, 0, .. DnsName.ToBytes(name), 0, 1, 0, 1,
            .. records.SelectMany(static record => record)];

    private static byte[] Record(string owner, ushort type, byte[] data)
        => [.. DnsName.ToBytes(owner), (byte)(type >> 8), (byte)type, 0, 1, 0, 0, 0, 0, 0, (byte)data.Length, .. data];
}
