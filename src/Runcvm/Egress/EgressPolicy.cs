using Runcvm.Syntax;

namespace Runcvm.Egress;

/// <summary>What a machine may reach. What no rule allows is refused, and a rule that refuses beats those that
/// allow.</summary>
/// <param name="Text">as it was written</param>
/// <param name="Rules">in their order; none: nothing is reached</param>
internal sealed record EgressPolicy(string Text, IReadOnlyList<EgressRule> Rules)
{
    internal const int MostCharacters = 64 * 1024;
    internal const int MostRules = 1000;

    private const string Accepted =
        $"open, none, public, learn, a name in {EgressPolicyFile.Folder}, or rules such as "
        + "allow=*.example.org:443;10.1.2.3";

    /// <summary>The word that stands for it: a file in the folder of policies, or one of those that need none; empty
    /// where it was written out.</summary>
    internal string Source { get; init; } = "";

    /// <summary>The word for a policy that allows all and notes what it is used for.</summary>
    internal const string Learn = "learn";

    /// <summary>Whether what is reached is noted.</summary>
    internal bool IsLearning => Text == Learn;

    /// <summary>Whose it is.</summary>
    internal EgressOrigin Origin { get; init; }

    /// <summary>Null for <c>open</c>: there is no policy.</summary>
    /// <param name="text">what somebody wrote</param>
    /// <param name="folder">where policies with names are</param>
    /// <param name="isChanged">whether a verb wrote it: what it refuses counts for later rules also where it allows
    /// nothing</param>
    internal static EgressPolicy? Parse(
        OptionText text, string folder = EgressPolicyFile.Folder, bool isChanged = false)
    {
        switch (text.Value)
        {
            case "open": return null;
            case "none": return new EgressPolicy(text.Value, []) { Source = text.Value };
            case "public":
                return new EgressPolicy(text.Value, [EgressRule.Parse("public", true)]) { Source = text.Value };
        }

        if (text.Value == Learn)
        {
            EgressPolicy all = Parse(new OptionText(text.Name, EgressPolicyChange.Everything))!;
            return all with { Text = Learn, Source = Learn };
        }

        string source = "";
        if (!text.Value.Contains('=', StringComparison.Ordinal))
        {
            source = text.Value;
            text = EgressPolicyFile.TryRead(source, folder) ?? throw text.Refused(Accepted);
        }

        if (text.Value.Length > MostCharacters) throw text.Refused($"at most {MostCharacters} characters long");
        try
        {
            return new EgressPolicy(text.Value, Checked(ReadAll(text), isChanged)) { Source = source };
        }
        catch (FormatException e)
        {
            throw new UsageException(
                $"{text.Name}: {string.Concat(e.Message.Select(static c => char.IsControl(c) ? '?' : c))}");
        }
    }

    /// <summary>Whether a name may be asked for.</summary>
    internal bool Resolves(string name)
        => !Rules.Any(rule => rule is { Allows: false, Name: { } denied } && denied.Matches(name))
            && Rules.Any(rule => rule.Allows && (rule.IsInternet || rule.Name?.Matches(name) == true));

    private static List<EgressRule> ReadAll(OptionText text)
    {
        var rules = new List<EgressRule>();
        bool? allows = null;
        foreach (string part in text.Value.Split(';', StringSplitOptions.TrimEntries))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals >= 0)
            {
                allows = part[..equals] switch
                {
                    "allow" => true,
                    "deny" => false,
                    string word => throw new FormatException($"'{word}=' is neither allow= nor deny="),
                };
            }

            string rule = part[(equals + 1)..].Trim();
            // As after the last semicolon.
            if (rule.Length == 0) continue;
            rules.Add(EgressRule.Parse(
                rule, allows ?? throw new FormatException($"say allow= or deny= before '{rule}'")));
        }

        return rules;
    }

    private static List<EgressRule> Checked(List<EgressRule> rules, bool isChanged)
    {
        if (rules.Count > MostRules) throw new FormatException($"there are more than {MostRules} rules");
        if (!isChanged && !rules.Exists(static rule => rule.Allows))
            throw new FormatException("no rule allows anything; say none where that is meant");
        foreach (EgressRule allowed in rules.Where(static rule => rule.Allows))
        {
            if (rules.Find(rule => !rule.Allows && Hides(rule, allowed)) is { } denied)
                throw new FormatException($"'{allowed.Text}' can never match: 'deny={denied.Text}' refuses all of it");
        }

        return rules;
    }

    /// <summary>Whether one that refuses leaves nothing of one that allows.</summary>
    internal static bool Hides(EgressRule denied, EgressRule allowed)
    {
        if (denied is { Name: { } name }) return allowed.Name is { } other && name.Covers(other);
        if (!allowed.Ports.AreAmong(denied.Ports)) return false;
        if (denied.Prefix is { } prefix) return allowed.Prefix is { } inner && prefix.Covers(inner);
        return allowed.IsInternet || (allowed.Prefix is { } inside && SpecialAddresses.AreInternet(inside, []));
    }
}
