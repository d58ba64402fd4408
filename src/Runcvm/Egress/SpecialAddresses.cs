namespace Runcvm.Egress;

/// <summary>What is not the internet: IANA's registries of special-purpose addresses (RFC 6890), and what leads to them
/// by another road.</summary>
internal static class SpecialAddresses
{
    private static readonly string[] V4 =
    [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    ];

    // Teredo and 6to4 hold addresses of IPv4 that a router on the way unpacks.
    private static readonly string[] V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

    /// <summary>Where the internet is: IPv4, IPv6's global addresses, and those by which IPv6 reaches IPv4 (NAT64, RFC
    /// 6052).</summary>
    internal static IReadOnlyList<AddressPrefix> Internet { get; } =
        [AddressPrefix.IPv4, Parse("2000::/3"), Translated(AddressPrefix.IPv4)];

    /// <summary>What is not internet in there.</summary>
    internal static IReadOnlyList<AddressPrefix> All { get; } =
        [.. V4.Select(Parse).SelectMany(static item => Both(item)), .. V6.Select(Parse)];

    private static readonly AddressPrefix[] Never4 =
        [.. new[] { "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4" }.Select(Parse)];
    private static readonly AddressPrefix[] Never6 = [.. new[] { "::/64", "ff00::/8" }.Select(Parse)];

    /// <summary>Whether no rule can open these addresses, because the program drops what goes there unread.</summary>
    internal static bool AreNever(AddressPrefix prefix)
        => (prefix.IsIPv4 ? Never4 : Never6).Any(never => never.Covers(prefix));

    /// <summary>Whether all these addresses are the internet's.</summary>
    /// <param name="prefix">the addresses</param>
    /// <param name="others">more that are not, such as the host's</param>
    internal static bool AreInternet(AddressPrefix prefix, IReadOnlyList<AddressPrefix> others)
        => Internet.Any(internet => internet.Covers(prefix))
            && !All.Concat(others).Any(special => special.Covers(prefix));

    /// <summary>An address, and where it is one of IPv4 also the one that NAT64 makes of it.</summary>
    internal static IEnumerable<AddressPrefix> Both(AddressPrefix prefix)
        => prefix.IsIPv4 ? [prefix, Translated(prefix)] : [prefix];

    private static AddressPrefix Translated(AddressPrefix v4)
        => new(((UInt128)0x0064_FF9B << 96) | (v4.Address & uint.MaxValue), v4.Length);

    private static AddressPrefix Parse(string text) => AddressPrefix.TryParse(text)!.Value;
}
