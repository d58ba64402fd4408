namespace Runcvm.Egress;

/// <summary>Names of hosts that a rule is about.</summary>
/// <param name="Name">in lower case, without a dot at the end; empty together with <paramref name="Below"/> for all
/// names</param>
/// <param name="Below">those that end so, and not the name itself</param>
internal sealed record NamePattern(string Name, bool Below)
{
    private const int MostCharacters = 253;
    private const int MostInLabel = 63;

    /// <summary>A name that no registry and no other operator can have given away: Docker's for a container.</summary>
    internal bool IsLocal => !Below && !Name.Contains('.', StringComparison.Ordinal);

    /// <summary>NAME, *.NAME or *; null for anything else.</summary>
    internal static NamePattern? TryParse(string text)
    {
        if (text == "*") return new NamePattern("", true);
        bool below = text.StartsWith("*.", StringComparison.Ordinal);
        string name = (below ? text[2..] : text).TrimEnd('.').ToLowerInvariant();
        bool isName = name.Length is > 0 and <= MostCharacters && name.Split('.').All(IsLabel)
            && !name.Split('.')[^1].All(char.IsAsciiDigit);
        return isName ? new NamePattern(name, below) : null;
    }

    internal bool Matches(string name)
    {
        if (!Below) return name == Name;
        return Name.Length == 0 || name.EndsWith($".{Name}", StringComparison.Ordinal);
    }

    /// <summary>Whether the other's names are all among these.</summary>
    internal bool Covers(NamePattern other)
        => this == other || (other.Name.Length > 0 && Matches(other.Name));

    private static bool IsLabel(string label)
        => label.Length is > 0 and <= MostInLabel
            && label.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') && label[0] != '-'
            && label[^1] != '-';
}
