using System.Buffers.Binary;

namespace Runcvm.Egress;

/// <summary>A policy as the kernel's program looks it up: sets of ports by number, and for each prefix that a rule
/// names what all rules together come to there, so that the longest prefix of an address is the whole answer.</summary>
internal sealed class EgressTables
{
    /// <summary>The set without ports.</summary>
    internal const int Nothing = 0;

    private readonly Dictionary<int, List<int>> _ofPrefixes = [], _ofNames = [];
    private readonly List<byte[]> _sets = [];
    private readonly Queue<int> _free = new(), _spent = new();
    private readonly IReadOnlyCollection<int> _reserved;
    private readonly bool _mayGrow;

    /// <param name="policy">what to look up</param>
    /// <param name="host">the host's own addresses, which are not the internet's</param>
    /// <param name="present">sets that are there already, of which those without ports are free but the first; null:
    /// none</param>
    /// <param name="known">prefixes that may be there already, and are looked up until they are taken out</param>
    /// <param name="names">numbers that a supervisor may lead addresses of names to by rules that it had before: none
    /// of them is a prefix's, and names get others as long as there are others</param>
    internal EgressTables(
        EgressPolicy policy, IReadOnlyList<AddressPrefix> host, IReadOnlyList<byte[]>? present = null,
        IReadOnlyList<AddressPrefix>? known = null, IReadOnlyCollection<int>? names = null)
    {
        _mayGrow = present == null;
        _reserved = new HashSet<int>(names ?? []);
        foreach (byte[] set in present ?? [new byte[EgressPorts.BitmapSize]]) Keep(set);
        RuleSets = [.. policy.Rules.Select(
            rule => rule is { Allows: true, Name: not null } ? Number(Union([rule]), _ofNames) : Nothing)];
        Names = new HashSet<int>(RuleSets.Where(static set => set != Nothing));
        AddressPrefix[] hosts = [.. host.SelectMany(SpecialAddresses.Both)];
        HashSet<AddressPrefix> nodes =
            [.. policy.Rules.Where(static rule => rule.Prefix != null).Select(static rule => rule.Prefix!.Value)];
        if (policy.Rules.Any(static rule => rule.IsInternet))
            nodes.UnionWith([.. SpecialAddresses.Internet, .. SpecialAddresses.All, .. hosts]);
        // In the kernel's table it lies below a prefix of IPv6 that is as short as that.
        if (nodes.Any(static node => node.Length < AddressPrefix.BitsBeforeIPv4)) nodes.Add(AddressPrefix.IPv4);
        Stale = [.. (known ?? []).Where(node => !nodes.Contains(node))];
        Prefixes = [.. nodes.Concat(Stale).Select(node => (node, Sum(policy, node, hosts)))];
    }

    /// <summary>Bitmaps of ports, see <see cref="EgressPorts"/>.</summary>
    internal IReadOnlyList<byte[]> Sets => _sets;

    /// <summary>For each rule of the policy its set, where it allows a name.</summary>
    internal IReadOnlyList<int> RuleSets { get; }

    /// <summary>Sets that are allowed and refused at an address with this longest prefix.</summary>
    internal IReadOnlyList<(AddressPrefix Prefix, (int Allowed, int Denied) Sets)> Prefixes { get; }

    /// <summary>Those among <see cref="Prefixes"/> without which the answers are the same.</summary>
    internal IReadOnlyList<AddressPrefix> Stale { get; }

    /// <summary>Numbers of the sets that names lead to: no prefix does.</summary>
    internal IReadOnlySet<int> Names { get; }

    /// <summary>Numbers of the sets that prefixes lead to.</summary>
    internal IEnumerable<int> InPrefixes
        => Prefixes.SelectMany(static item => new[] { item.Sets.Allowed, item.Sets.Denied });

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
        return (Number(Union(here.Where(static rule => rule.Allows)), _ofPrefixes),
            Number(Union(here.Where(static rule => !rule.Allows)), _ofPrefixes));
    }

    private static byte[] Union(IEnumerable<EgressRule> rules)
    {
        byte[] set = new byte[EgressPorts.BitmapSize];
        foreach (EgressRule rule in rules) rule.Ports.AddTo(set);
        return set;
    }

    // Most rules are about the same few ports.
    private int Number(byte[] set, Dictionary<int, List<int>> numbers)
    {
        List<int> alike = Alike(numbers, set);
        int at = alike.FindIndex(number => _sets[number].AsSpan().SequenceEqual(set));
        if (at >= 0) return alike[at];
        // What an untold supervisor knows is a name's at most: its ports are put in when it is told.
        if (_free.TryDequeue(out int free) || (ReferenceEquals(numbers, _ofNames) && _spent.TryDequeue(out free)))
        {
            _sets[free] = set;
            alike.Add(free);
            return free;
        }

        if (!_mayGrow) throw new UsageException(
            "there is no room for so many different lists of ports; the machine must be started again for that");
        alike.Add(_sets.Count);
        _sets.Add(set);
        return alike[^1];
    }

    private void Keep(byte[] set)
    {
        int number = _sets.Count;
        _sets.Add(set);
        bool isEmpty = number != Nothing && set.AsSpan().IndexOfAnyExcept((byte)0) < 0;
        if (_reserved.Contains(number))
        {
            if (isEmpty) _spent.Enqueue(number);
        }
        else if (isEmpty)
        {
            _free.Enqueue(number);
        }
        else
        {
            Alike(_ofPrefixes, set).Add(number);
        }
    }

    private static List<int> Alike(Dictionary<int, List<int>> numbers, byte[] set)
    {
        var hash = new HashCode();
        hash.AddBytes(set);
        int key = hash.ToHashCode();
        if (!numbers.TryGetValue(key, out List<int>? alike)) numbers[key] = alike = [];
        return alike;
    }
}
