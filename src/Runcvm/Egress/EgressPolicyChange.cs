using Runcvm.Syntax;

namespace Runcvm.Egress;

/// <summary>Policies that differ from others by a few rules.</summary>
internal static class EgressPolicyChange
{
    // Of each port of both protocols, and pings.
    private const string Whole = "1-65535,udp/1-65535,icmp";

    /// <summary>All that a program can let pass.</summary>
    internal const string Everything = $"allow=*:{Whole};0.0.0.0/0:{Whole};[::/0]:{Whole}";

    private const string Name = "the policy";

    /// <summary>The same with rules that allow. A rule that refuses just that is taken away; one that refuses more
    /// stays, and is an error where it leaves nothing of the new one.</summary>
    internal static EgressPolicy With(EgressPolicy policy, IReadOnlyList<string> rules)
    {
        IReadOnlyList<EgressRule> added = Read(rules, allows: true);
        return Of(policy, [.. Allowed(policy).Where(rule => !IsAmong(rule, added)), .. added],
            [.. Denied(policy).Where(rule => !IsAmong(rule, added))]);
    }

    /// <summary>The same with rules that refuse. Rules that allow nothing any more are taken away.</summary>
    internal static EgressPolicy Without(EgressPolicy policy, IReadOnlyList<string> rules)
    {
        IReadOnlyList<EgressRule> added = Read(rules, allows: false);
        return Of(policy, [.. Allowed(policy).Where(rule => !added.Any(denied => EgressPolicy.Hides(denied, rule)))],
            [.. Denied(policy).Where(rule => !IsAmong(rule, added)), .. added]);
    }

    private static EgressPolicy Of(EgressPolicy policy, EgressRule[] allowed, EgressRule[] denied)
    {
        // Also where nothing is left that is allowed: what is refused stays so when something is allowed again.
        string text = string.Join(';', allowed.Select(static rule => $"allow={rule.Text}")
            .Concat(denied.Select(static rule => $"deny={rule.Text}")));
        return EgressPolicy.Parse(new OptionText(Name, text.Length == 0 ? "none" : text), isChanged: true)! with
        {
            Source = policy.Source,
            Origin = policy.Origin,
        };
    }

    private static IReadOnlyList<EgressRule> Read(IReadOnlyList<string> rules, bool allows)
    {
        try
        {
            return [.. rules.Select(rule => rule.AsSpan().ContainsAny(';', '=')
                ? throw new FormatException($"'{rule}' is not one rule; write it without allow= and deny=")
                : EgressRule.Parse(rule, allows))];
        }
        catch (FormatException e)
        {
            throw new UsageException(string.Concat(e.Message.Select(static c => char.IsControl(c) ? '?' : c)));
        }
    }

    private static IEnumerable<EgressRule> Allowed(EgressPolicy policy)
        => policy.Rules.Where(static rule => rule.Allows);

    private static IEnumerable<EgressRule> Denied(EgressPolicy policy)
        => policy.Rules.Where(static rule => !rule.Allows);

    private static bool IsAmong(EgressRule rule, IReadOnlyList<EgressRule> others)
        => others.Any(other => other.Text == rule.Text);
}
