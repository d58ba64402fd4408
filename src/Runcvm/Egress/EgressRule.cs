namespace Runcvm.Egress;

/// <summary>One rule of a policy: about a name, about addresses, or about the internet where it has neither.</summary>
/// <param name="Text">as it was written</param>
/// <param name="Allows">else it refuses</param>
/// <param name="Ports">which</param>
internal sealed record EgressRule(string Text, bool Allows, EgressPorts Ports)
{
    internal NamePattern? Name { get; init; }

    internal AddressPrefix? Prefix { get; init; }

    internal bool IsInternet => Name == null && Prefix == null;

    /// <summary>Reads TARGET or TARGET:PORTS.</summary>
    /// <exception cref="FormatException">says why it is none</exception>
    internal static EgressRule Parse(string text, bool allows)
    {
        (string target, string? written) = Split(text);
        EgressPorts usual = allows ? EgressPorts.Any : EgressPorts.Every;
        EgressPorts ports = written == null ? usual
            : EgressPorts.TryParse(written) ?? throw new FormatException(
                $"'{written}' in '{text}' is no list of ports such as 80,443 or 8000-8100 or udp/123 or icmp");
        var rule = new EgressRule(text, allows, ports);
        if (target == "public") return rule;
        if (AddressPrefix.TryParse(target) is { } prefix) return rule with { Prefix = Checked(prefix, text) };
        NamePattern name = NamePattern.TryParse(target) ?? throw new FormatException(
            $"'{target}' is no address, prefix or name such as 10.1.0.0/16 or *.example.org{HintFor(target)}");
        if (!allows && written != null)
            throw new FormatException($"'{text}' refuses a name, which takes no ports: it is not resolved at all");
        return rule with { Name = name };
    }

    private static (string Target, string? Ports) Split(string text)
    {
        if (text.StartsWith('['))
        {
            int close = text.IndexOf(']', StringComparison.Ordinal);
            string rest = close < 0 ? throw new FormatException($"'{text}' has no ]") : text[(close + 1)..];
            int behind = rest.IndexOf(':', StringComparison.Ordinal);
            return behind < 0 ? (text[1..close] + rest, null) : (text[1..close] + rest[..behind], rest[(behind + 1)..]);
        }

        int colon = text.IndexOf(':', StringComparison.Ordinal);
        // Of two colons, an address of IPv6 that stands by itself.
        return colon < 0 || text.IndexOf(':', colon + 1) >= 0 ? (text, null) : (text[..colon], text[(colon + 1)..]);
    }

    private static AddressPrefix Checked(AddressPrefix prefix, string text)
    {
        if (prefix.Network != prefix)
            throw new FormatException($"'{text}' has bits behind its prefix; the network is {prefix.Network}");
        if (AddressPrefix.IPv4 is var v4 && v4.Covers(prefix)
            && text.Contains("::ffff", StringComparison.OrdinalIgnoreCase))
            throw new FormatException($"'{text}' can never match: write {prefix}");
        return SpecialAddresses.AreNever(prefix)
            ? throw new FormatException(
                $"'{text}' can never match: loopback, unspecified and multicast addresses are never reached")
            : prefix;
    }

    private static string HintFor(string target)
        => target.Any(static c => c > 127) ? "; write names of other alphabets as xn--…"
            : target.Contains(':', StringComparison.Ordinal) ? "; write [2001:db8::/32]:443 for ports of IPv6" : "";
}
