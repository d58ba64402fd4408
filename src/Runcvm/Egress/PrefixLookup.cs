namespace Runcvm.Egress;

/// <summary>Finds the longest prefix of an address, as the kernel's table does: however many flows a guest makes, each
/// costs a look for each length.</summary>
internal sealed class PrefixLookup
{
    private readonly Dictionary<AddressPrefix, (int Allowed, int Denied)> _sets = [];
    private readonly int[] _lengths;

    internal PrefixLookup(IEnumerable<(AddressPrefix Prefix, (int Allowed, int Denied) Sets)> entries)
    {
        foreach ((AddressPrefix prefix, (int Allowed, int Denied) sets) in entries) _sets[prefix.Network] = sets;
        _lengths = [.. _sets.Keys.Select(static prefix => prefix.Length).Distinct().OrderDescending()];
    }

    /// <summary>The sets that are allowed and refused there.</summary>
    internal (int Allowed, int Denied) Find(AddressPrefix address)
    {
        foreach (int length in _lengths)
            if (_sets.TryGetValue((address with { Length = length }).Network, out (int, int) sets)) return sets;
        return (EgressTables.Nothing, EgressTables.Nothing);
    }
}
