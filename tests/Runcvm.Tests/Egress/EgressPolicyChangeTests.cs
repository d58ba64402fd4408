using Runcvm.Egress;
using Runcvm.Syntax;

namespace Runcvm.Tests.Egress;

public class EgressPolicyChangeTests
{
    [Theory]
    [InlineData("none", "10.1.0.0/16:80", "allow=10.1.0.0/16:80")]
    [InlineData("public", "db:5432", "allow=public;allow=db:5432")]
    [InlineData("allow=a.example;deny=b.a.example", "c.example", "allow=a.example;allow=c.example;deny=b.a.example")]
    [InlineData("allow=a.example", "a.example", "allow=a.example")]
    [InlineData("allow=*.example;deny=b.example", "b.example", "allow=*.example;allow=b.example")]
    public void A_rule_is_added_and_the_refusal_of_just_that_goes(string before, string rule, string after)
        => Assert.Equal(after, EgressPolicyChange.With(Policy(before), [rule]).Text);

    [Theory]
    [InlineData("allow=a.example;b.example:80", "a.example", "allow=b.example:80;deny=a.example")]
    [InlineData("allow=a.example", "a.example", "deny=a.example")]
    [InlineData("allow=a.example;deny=10.0.0.0/8", "a.example", "deny=10.0.0.0/8;deny=a.example")]
    [InlineData("allow=10.0.0.0/8:80", "10.1.0.0/16", "allow=10.0.0.0/8:80;deny=10.1.0.0/16")]
    [InlineData("allow=10.0.0.0/8:80;public", "10.0.0.0/8", "allow=public;deny=10.0.0.0/8")]
    [InlineData("none", "a.example", "deny=a.example")]
    [InlineData("public", "a.example", "allow=public;deny=a.example")]
    public void A_refusal_is_added_and_what_it_leaves_nothing_of_goes(string before, string rule, string after)
        => Assert.Equal(after, EgressPolicyChange.Without(Policy(before), [rule]).Text);

    [Theory]
    [InlineData("a b", "is no address, prefix or name")]
    [InlineData("allow=a.example", "is not one rule")]
    [InlineData("a.example;b.example", "is not one rule")]
    [InlineData("10.1.2.3/8", "has bits behind its prefix")]
    [InlineData("sub.blocked.example", "can never match")]
    public void A_rule_that_cannot_be_is_an_error(string rule, string reason)
        => Assert.Contains(reason, Assert.Throws<UsageException>(() => EgressPolicyChange.With(
            Policy("allow=a.example;deny=*.blocked.example"), [rule])).Message, StringComparison.Ordinal);

    [Fact]
    public void Whose_a_policy_is_stays_known()
    {
        EgressPolicy policy = Policy("none") with { Origin = EgressOrigin.Host };
        Assert.Equal("none", policy.Source);
        EgressPolicy changed = EgressPolicyChange.With(policy, ["a.example"]);
        Assert.Equal(("none", EgressOrigin.Host), (changed.Source, changed.Origin));
    }

    [Fact]
    public void No_more_rules_are_taken_than_a_policy_may_have()
        => Assert.Contains("more than 1000 rules", Assert.Throws<UsageException>(() => EgressPolicyChange.With(
            Policy("none"), [.. Enumerable.Range(0, 1001).Select(static i => $"n{i}.example")])).Message,
            StringComparison.Ordinal);

    private static EgressPolicy Policy(string text) => EgressPolicy.Parse(new OptionText("", text))!;
}
