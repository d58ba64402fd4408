using System.Buffers.Binary;

namespace Runcvm.Egress;

/// <summary>A policy as the kernel's program looks it up: sets of ports by number, and for each prefix that a rule
/// names what all rules together come to there, so that the longest prefix of an address is the whole answer.</summary>
internal sealed class EgressTables
{
    /// <summary>The set without ports.</summary>
    internal const int Nothing = 0;

    private readonly Dictionary<int, List<int>> _numbers = [];
    private readonly List<byte[]> _sets = [];

    /// <param name="policy">what to look up</param>
    /// <param name="host">the host's own addresses, which are not the internet's</param>
    internal EgressTables(EgressPolicy policy, IReadOnlyList<AddressPrefix> host)
    {
        _ = Number(new byte[EgressPorts.BitmapSize]);
        RuleSets = [.. policy.Rules.Select(
            rule => rule is { Allows: true, Name: not null } ? Number(Union([rule])) : Nothing)];
        AddressPrefix[] hosts = [.. host.SelectMany(SpecialAddresses.Both)];
        HashSet<AddressPrefix> nodes =
            [.. policy.Rules.Where(static rule => rule.Prefix != null).Select(static rule => rule.Prefix!.Value)];
        if (policy.Rules.Any(static rule => rule.IsInternet))
            nodes.UnionWith([.. SpecialAddresses.Internet, .. SpecialAddresses.All, .. hosts]);
        Prefixes = [.. nodes.Select(node => (node, Sum(policy, node, hosts)))];
    }

    /// <summary>Bitmaps of ports, see <see cref="EgressPorts"/>.</summary>
    internal IReadOnlyList<byte[]> Sets => _sets;

    /// <summary>For each rule of the policy its set, where it allows a name.</summary>
    internal IReadOnlyList<int> RuleSets { get; }

    /// <summary>Sets that are allowed and refused at an address with this longest prefix.</summary>
    internal IReadOnlyList<(AddressPrefix Prefix, (int Allowed, int Denied) Sets)> Prefixes { get; }

    /// <summary>The key of the kernel's table of prefixes.</summary>
    internal static byte[] KeyOf(AddressPrefix prefix)
    {
        byte[] key = new byte[sizeof(int) + (AddressPrefix.Bits / 8)];
        BinaryPrimitives.WriteInt32LittleEndian(key, prefix.Length);
        prefix.ToBytes().CopyTo(key, sizeof(int));
        return key;
    }

    private (int Allowed, int Denied) Sum(EgressPolicy policy, AddressPrefix node, AddressPrefix[] hosts)
    {
        EgressRule[] here = [.. policy.Rules.Where(rule => rule.Prefix is { } prefix ? prefix.Covers(node)
            : rule.IsInternet && SpecialAddresses.AreInternet(node, hosts))];
        return (Number(Union(here.Where(static rule => rule.Allows))),
            Number(Union(here.Where(static rule => !rule.Allows))));
    }

    private static byte[] Union(IEnumerable<EgressRule> rules)
    {
        byte[] set = new byte[EgressPorts.BitmapSize];
        foreach (EgressRule rule in rules) rule.Ports.AddTo(set);
        return set;
    }

    // Most rules are about the same few ports.
    private int Number(byte[] set)
    {
        var hash = new HashCode();
        hash.AddBytes(set);
        int key = hash.ToHashCode();
        if (!_numbers.TryGetValue(key, out List<int>? alike)) _numbers[key] = alike = [];
        int at = alike.FindIndex(number => _sets[number].AsSpan().SequenceEqual(set));
        if (at >= 0) return alike[at];
        _sets.Add(set);
        alike.Add(_sets.Count - 1);
        return _sets.Count - 1;
    }
}
