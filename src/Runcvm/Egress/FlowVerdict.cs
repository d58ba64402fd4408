namespace Runcvm.Egress;

/// <summary>Which flows of a machine's go on when its policy changes. What rules come to is summed up once: the guest
/// decides how many flows there are.</summary>
internal sealed class FlowVerdict
{
    private readonly IReadOnlyList<byte[]> _present;
    private readonly EgressTables _tables;
    private readonly PrefixLookup _old, _new;
    private readonly byte[] _named = new byte[EgressPorts.BitmapSize], _unnamed = new byte[EgressPorts.BitmapSize];

    /// <param name="before">what was in force</param>
    /// <param name="next">what is</param>
    /// <param name="present">the sets before</param>
    /// <param name="old">what prefixes led to before</param>
    /// <param name="tables">what they lead to now</param>
    internal FlowVerdict(
        EgressPolicy before, EgressPolicy next, IReadOnlyList<byte[]> present, PrefixLookup old, EgressTables tables)
    {
        (_present, _old, _tables, _new) = (present, old, tables, new PrefixLookup(tables.Prefixes));
        HashSet<string> stays = [.. Names(next, allowed: true).Select(static rule => rule.Text)];
        HashSet<string> refused = [.. Names(before, allowed: false).Select(static rule => rule.Text)];
        // Nobody knows which name it was that a newly refused one could have been.
        bool isRefused = Names(next, allowed: false).Any(rule => !refused.Contains(rule.Text));
        foreach (EgressRule rule in Names(before, allowed: true))
        {
            rule.Ports.AddTo(_named);
            if (isRefused || !stays.Contains(rule.Text)) rule.Ports.AddTo(_unnamed);
        }
    }

    /// <summary>Whether a flow is not to go on, whatever leads to its address as a name's: if that is allowed its next
    /// packet begins it anew.</summary>
    internal bool EndsByAddress(EgressFlow flow)
    {
        (int allowed, int denied) = _new.Find(flow.Address);
        return Has(_tables.Sets, denied, flow) || (!Has(_tables.Sets, allowed, flow) && WasAllowed(flow));
    }

    /// <summary>Whether a flow goes on.</summary>
    /// <param name="flow">which</param>
    /// <param name="pins">sets that addresses of names lead to now</param>
    internal bool Keeps(EgressFlow flow, ILookup<AddressPrefix, int> pins)
    {
        (int allowed, int denied) = _new.Find(flow.Address);
        if (Has(_tables.Sets, denied, flow)) return false;
        if (Has(_tables.Sets, allowed, flow)) return true;
        if (pins[flow.Address].Any(set => Has(_tables.Sets, set, flow))) return true;
        // It had been begun by the address and not by a name.
        if (WasAllowed(flow)) return false;
        // A flow that stands may go on when its name's answer is no longer fresh, if nothing was changed about names
        // that could have led to it.
        return IsIn(_named, flow) && !IsIn(_unnamed, flow);
    }

    private bool WasAllowed(EgressFlow flow) => Has(_present, _old.Find(flow.Address).Allowed, flow);

    private static bool Has(IReadOnlyList<byte[]> sets, int number, EgressFlow flow)
        => number >= 0 && number < sets.Count && IsIn(sets[number], flow);

    private static bool IsIn(byte[] set, EgressFlow flow) => EgressPorts.IsIn(set, flow.Protocol, flow.Port);

    private static IEnumerable<EgressRule> Names(EgressPolicy policy, bool allowed)
        => policy.Rules.Where(rule => rule.Name != null && rule.Allows == allowed);
}
