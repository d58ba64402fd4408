using Runcvm.Egress;
using Runcvm.Options;
using Runcvm.Syntax;

namespace Runcvm.Tests.Egress;

public class EgressPolicyTests
{
    [Theory]
    [InlineData("nonsense", "must be open, none, public, learn, a name in /etc/runcvm/egress.d, or rules such as")]
    [InlineData("OPEN", "must be open, none, public")]
    [InlineData("permit=example.org", "'permit=' is neither allow= nor deny=")]
    [InlineData("example.org;allow=example.net", "say allow= or deny= before 'example.org'")]
    [InlineData("deny=10.0.0.0/8", "no rule allows anything; say none")]
    [InlineData("allow=", "no rule allows anything")]
    [InlineData("allow=10.1.2.3/8", "the network is 10.0.0.0/8")]
    [InlineData("allow=2001:db8::1/32", "the network is 2001:db8::/32")]
    [InlineData("allow=[2001:db8::1]:443;2001:db8::/129", "is no address, prefix or name")]
    [InlineData("allow=10.1", "is no address, prefix or name")]
    [InlineData("allow=256.1.1.1", "is no address, prefix or name")]
    [InlineData("allow=::ffff:10.0.0.1", "write 10.0.0.1")]
    [InlineData("allow=127.0.0.1:80", "can never match")]
    [InlineData("allow=224.0.0.251:udp/5353", "can never match")]
    [InlineData("allow=::1", "can never match")]
    [InlineData("allow=exa mple.org", "is no address, prefix or name")]
    [InlineData("allow=*example.org", "is no address, prefix or name")]
    [InlineData("allow=b\u00fccher.example", "xn--")]
    [InlineData("allow=example.org:", "is no list of ports")]
    [InlineData("allow=example.org:0", "is no list of ports")]
    [InlineData("allow=example.org:65536", "is no list of ports")]
    [InlineData("allow=example.org:90-80", "is no list of ports")]
    [InlineData("allow=example.org:sctp/80", "is no list of ports")]
    [InlineData("allow=example.org:80-90-99", "is no list of ports")]
    [InlineData("allow=example.org;deny=ads.example.org:443", "takes no ports")]
    [InlineData("allow=10.1.0.0/16:443;deny=10.0.0.0/8",
        "'10.1.0.0/16:443' can never match: 'deny=10.0.0.0/8' refuses all of it")]
    [InlineData("allow=a.example.org;deny=*.example.org", "can never match")]
    [InlineData("allow=public;deny=public", "can never match")]
    [InlineData("allow=8.8.8.8:443;deny=public:443", "can never match")]
    [InlineData("allow=[2001:db8::1:443", "has no ]")]
    public void A_policy_that_cannot_be_is_an_error_that_says_why(string text, string reason)
        => Assert.Contains(reason, Assert.Throws<UsageException>(() => Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Open_is_no_policy_and_none_has_no_rules()
    {
        Assert.Null(Parse("open"));
        Assert.Empty(Parse("none")!.Rules);
    }

    [Theory]
    [InlineData("allow=example.org", "example.org", true)]
    [InlineData("allow=example.org", "www.example.org", false)]
    [InlineData("allow=*.example.org", "www.example.org", true)]
    [InlineData("allow=*.example.org", "a.b.example.org", true)]
    [InlineData("allow=*.example.org", "example.org", false)]
    [InlineData("allow=*.example.org", "badexample.org", false)]
    [InlineData("allow=*.example.org;deny=ads.example.org", "ads.example.org", false)]
    [InlineData("allow=Example.ORG.", "example.org", true)]
    [InlineData("allow=*", "anything.at.all", true)]
    [InlineData("allow=public:443", "anything.at.all", true)]
    [InlineData("allow=10.1.0.0/16", "example.org", false)]
    [InlineData("none", "example.org", false)]
    public void A_name_is_asked_for_if_a_rule_allows_it(string text, string name, bool asked)
        => Assert.Equal(asked, Parse(text)!.Resolves(name));

    [Theory]
    [InlineData("allow=10.0.0.0/8:80;10.1.0.0/16:443", "10.1.2.3", 80, true)]
    [InlineData("allow=10.0.0.0/8:80;10.1.0.0/16:443", "10.1.2.3", 443, true)]
    [InlineData("allow=10.0.0.0/8:80;10.1.0.0/16:443", "10.2.2.3", 443, false)]
    [InlineData("allow=10.0.0.0/8:80,443;deny=10.1.0.0/16:443", "10.1.2.3", 443, false)]
    [InlineData("allow=10.0.0.0/8:80,443;deny=10.1.0.0/16:443", "10.1.2.3", 80, true)]
    [InlineData("allow=10.1.0.0/16:443;deny=10.0.0.0/8:22", "10.1.2.3", 22, false)]
    [InlineData("allow=public", "192.168.1.1", 80, false)]
    [InlineData("allow=public;192.168.1.0/24:80", "192.168.1.1", 80, true)]
    [InlineData("allow=public;192.168.1.0/24:80", "192.168.2.1", 80, false)]
    [InlineData("allow=public;deny=9.9.9.0/24", "9.9.9.9", 443, false)]
    [InlineData("allow=public", "203.0.114.1", 443, true)]
    [InlineData("allow=public", "5.5.5.5", 443, false)]
    [InlineData("allow=public", "64:ff9b::505:505", 443, false)]
    public void The_longest_prefix_is_the_whole_answer(string text, string address, int port, bool allowed)
    {
        // The host's own address is not the internet's.
        var tables = new EgressTables(Parse(text)!, [AddressPrefix.TryParse("5.5.5.5")!.Value]);
        AddressPrefix one = AddressPrefix.TryParse(address)!.Value;
        (int yes, int no) = tables.Prefixes.Where(item => item.Prefix.Covers(one))
            .OrderByDescending(static item => item.Prefix.Length).Select(static item => item.Sets).FirstOrDefault();
        Assert.Equal(allowed, Has(tables.Sets[yes]) && !Has(tables.Sets[no]));

        bool Has(byte[] set) => (set[port >> 3] & (1 << (port & 7))) != 0;
    }

    [Fact]
    public void A_hosts_policy_and_a_containers_hold_together_and_spoofing_goes_with_none()
    {
        HostConfig config = HostConfig.Parse("egress = \"public\"\nallow = [\"net_spoof\"]\n", "config.toml");
        Assert.Equal(["public"],
            Options.Machine.With(Options.Machine.Host, config, Options.Machine.NoLimits)
            .Egress.Select(static policy => policy.Text));
        Assert.Equal(["public"],
            Options.Machine.With(Options.Machine.Host, config, Options.Machine.NoLimits, "RUNCVM_EGRESS=open")
            .Egress.Select(static policy => policy.Text));
        Assert.Equal(["public", "none"],
            Options.Machine.With(Options.Machine.Host, config, Options.Machine.NoLimits, "RUNCVM_EGRESS=none")
            .Egress.Select(static policy => policy.Text));
        Assert.Throws<UsageException>(
            () => Options.Machine.With(Options.Machine.Host, config, Options.Machine.NoLimits, "RUNCVM_NET_SPOOF=1"));
    }

    [Fact]
    public void Who_joined_is_let_out_where_that_is_said_and_past_no_policy()
    {
        Assert.False(Options.Machine.With().LetsJoinedOut);
        Assert.True(Options.Machine.With("RUNCVM_JOINED=direct").LetsJoinedOut);
        Assert.Contains("exclude each other", Options.Machine.Refusal("RUNCVM_JOINED=direct", "RUNCVM_EGRESS=none"),
            StringComparison.Ordinal);
        HostConfig open = HostConfig.Parse("joined = \"direct\"\n", "config.toml");
        Assert.True(With(open).LetsJoinedOut);
        Assert.False(With(open, "RUNCVM_JOINED=refuse").LetsJoinedOut);
        Assert.False(With(open, "RUNCVM_EGRESS=none").LetsJoinedOut);
        HostConfig refusing = HostConfig.Parse("joined = \"refuse\"\n", "config.toml");
        Assert.False(With(refusing).LetsJoinedOut);
        string refusal = Assert.Throws<UsageException>(() => With(refusing, "RUNCVM_JOINED=direct")).Message;
        Assert.Contains("RUNCVM_JOINED=direct is refused", refusal, StringComparison.Ordinal);
        HostConfig closed = HostConfig.Parse("egress = \"public\"\n", "config.toml");
        Assert.Throws<UsageException>(() => With(closed, "RUNCVM_JOINED=direct"));

        static MachineOptions With(HostConfig config, params string[] environment)
            => Options.Machine.With(Options.Machine.Host, config, Options.Machine.NoLimits, environment);
    }

    [Fact]
    public void A_policy_may_have_a_name_and_be_a_file()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        File.WriteAllText(Path.Combine(folder, "ci.toml"),
            "# of our builds\nallow = [\"*.example.org:443\", \"10.1.0.0/16:5432\"]\ndeny = [\"ads.example.org\"]\n");
        File.WriteAllText(Path.Combine(folder, "odd.toml"), "allow = [\"10.1.0.0/16;10.2.0.0/16\"]\n");
        File.WriteAllText(Path.Combine(folder, "other.toml"), "permit = [\"10.1.0.0/16\"]\n");
        File.WriteAllText(Path.Combine(folder, "empty.toml"), "");
        EgressPolicy policy = EgressPolicy.Parse(new OptionText("RUNCVM_EGRESS", "ci"), folder)!;
        Assert.Equal("allow=*.example.org:443;allow=10.1.0.0/16:5432;deny=ads.example.org", policy.Text);
        Assert.Equal(policy.Rules, Parse(policy.Text)!.Rules, static (one, other) => one.Text == other.Text
            && one.Allows == other.Allows);
        foreach ((string name, string reason) in Mistakes)
        {
            var error = Assert.Throws<UsageException>(
                () => EgressPolicy.Parse(new OptionText("RUNCVM_EGRESS", name), folder));
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        }

        Directory.Delete(folder, recursive: true);
    }

    private static readonly (string Name, string Reason)[] Mistakes =
    [
        ("odd", "which is not one rule"), ("other", "is neither allow nor deny"), ("empty", "no rule allows anything"),
        ("missing", "must be open"), ("../ci", "must be open"), ("ci.toml", "must be open"),
    ];

    private static EgressPolicy? Parse(string text) => EgressPolicy.Parse(new OptionText("RUNCVM_EGRESS", text));
}
