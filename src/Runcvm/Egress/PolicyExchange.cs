using System.Buffers.Binary;
using System.Diagnostics;
using Runcvm.Linux.Bpf;

namespace Runcvm.Egress;

/// <summary>Puts a policy in the place of one that is in force, in the tables that the machine's programs look into.
/// Each packet meanwhile is decided by the one or by the other.</summary>
internal sealed class PolicyExchange
{
    private const long Nanoseconds = 1_000_000_000;
    private const int ProtocolAt = FrameStack.FlowProtocol - FrameStack.Flow;
    private const int PortAt = FrameStack.FlowOtherPort - FrameStack.Flow;

    private readonly IReadOnlyList<KernelMap> _maps;
    private readonly EgressPolicy _before, _next;
    private readonly List<byte[]> _present = [];

    /// <param name="maps">the machine's</param>
    /// <param name="before">what is in force</param>
    /// <param name="next">what shall be</param>
    /// <param name="host">the host's own addresses</param>
    /// <exception cref="UsageException">there is no room for it</exception>
    internal PolicyExchange(
        IReadOnlyList<KernelMap> maps, EgressPolicy before, EgressPolicy next, IReadOnlyList<AddressPrefix> host)
    {
        (_maps, _before, _next) = (maps, before, next);
        byte[] set = new byte[EgressPorts.BitmapSize];
        for (int i = 0; Ports.TryGet(EgressMaps.Bytes(i), set); i++) _present.Add([.. set]);
        IReadOnlyList<(byte[] Key, byte[] Value)> prefixes =
            Prefixes.Entries(EgressMaps.PrefixKeySize, EgressMaps.PrefixValueSize, int.MaxValue);
        Tables = new EgressTables(
            next, host, _present, [.. prefixes.Select(static item => EgressTables.PrefixOf(item.Key))]);
    }

    /// <summary>The next one's.</summary>
    internal EgressTables Tables { get; }

    private KernelMap Ports => Map(EgressMaps.PortsName);

    private KernelMap Prefixes => Map(EgressMaps.PrefixesName);

    /// <summary>Addresses are decided by the next policy from here on, and names lead to its ports.</summary>
    internal void Begin()
    {
        for (int i = 0; i < _present.Count; i++)
            if (!ReferenceEquals(Tables.Sets[i], _present[i])) Ports.Put(EgressMaps.Bytes(i), Tables.Sets[i]);
        // The longest first: an address whose longest prefix is still the old one is decided by the old policy alone.
        foreach ((AddressPrefix prefix, (int Allowed, int Denied) sets)
            in Tables.Prefixes.OrderByDescending(static item => item.Prefix.Length))
            Prefixes.Put(EgressTables.KeyOf(prefix), EgressMaps.Bytes(sets));
        foreach (AddressPrefix stale in Tables.Stale) Prefixes.TryRemove(EgressTables.KeyOf(stale));
    }

    /// <summary>Ends what only the old policy allowed: sets that lead to nothing any more, and flows.</summary>
    /// <param name="isTold">whether the supervisor knows the rules about names; else all addresses of names are
    /// closed</param>
    internal void End(bool isTold)
    {
        IReadOnlySet<int> used = Tables.Used;
        for (int i = 1; i < Tables.Sets.Count; i++)
            if (!used.Contains(i)) Ports.Put(EgressMaps.Bytes(i), new byte[EgressPorts.BitmapSize]);
        KernelMap pins = Map(EgressMaps.PinsName);
        byte[] open = new byte[PinTable.Size];
        if (!isTold && pins.TryGet(EgressMaps.Bytes(0), open))
        {
            // Not what is counted behind it.
            open.AsSpan(0, PinTable.SlotsSize).Clear();
            pins.Put(EgressMaps.Bytes(0), open);
        }

        // One that has looked things up before may be about to note a flow.
        LoadedProgram.AwaitOthers();
        _ = pins.TryGet(EgressMaps.Bytes(0), open);
        CloseFlows(Map(EgressMaps.FlowsName), Pinned(open));
    }

    private void CloseFlows(KernelMap flows, ILookup<AddressPrefix, int> pins)
    {
        foreach ((byte[] key, byte[] value) in flows.Snapshot(
            FrameStack.FlowSize, FrameStack.FlowValueSize, EgressMaps.MostFlows))
        {
            // What others began stays theirs.
            bool isMachines = BinaryPrimitives.ReadInt64LittleEndian(value.AsSpan(sizeof(long))) != 0;
            if (isMachines && !Keeps(key, pins)) flows.TryRemove(key);
        }
    }

    private bool Keeps(byte[] flow, ILookup<AddressPrefix, int> pins)
    {
        var address = AddressPrefix.Of(flow.AsSpan(0, AddressPrefix.Bits / 8));
        int protocol = BinaryPrimitives.ReadInt32LittleEndian(flow.AsSpan(ProtocolAt));
        int port = BinaryPrimitives.ReadUInt16BigEndian(flow.AsSpan(PortAt));
        (int allowed, int denied) = Tables.Prefixes.Where(item => item.Prefix.Covers(address)).DefaultIfEmpty()
            .MaxBy(static item => item.Prefix.Length).Sets;
        if (Has(denied)) return false;
        if (Has(allowed) || pins[address].Any(Has)) return true;
        // A flow that stands may go on when its name's answer is no longer fresh, if nothing was changed about names
        // that could have led to it.
        return NameRules(_before).Any() && NamesAreSame();

        bool Has(int set) => EgressPorts.IsIn(Tables.Sets[set], protocol, port);

        IEnumerable<string> NameRules(EgressPolicy policy)
            => policy.Rules.Where(rule => rule is { Allows: true, Name: not null } && IsAbout(rule))
                .Select(static rule => rule.Text);

        bool IsAbout(EgressRule rule)
        {
            byte[] set = new byte[EgressPorts.BitmapSize];
            rule.Ports.AddTo(set);
            return EgressPorts.IsIn(set, protocol, port);
        }

        bool NamesAreSame()
            => !NameRules(_before).Except(NameRules(_next)).Any() && !Denied(_next).Except(Denied(_before)).Any();
    }

    private static IEnumerable<string> Denied(EgressPolicy policy)
        => policy.Rules.Where(static rule => rule is { Allows: false, Name: not null })
            .Select(static rule => rule.Text);

    private ILookup<AddressPrefix, int> Pinned(byte[] pins)
    {
        IReadOnlySet<int> used = Tables.Used;
        long now = (long)(Stopwatch.GetTimestamp() * ((double)Nanoseconds / Stopwatch.Frequency));
        return pins[..PinTable.SlotsSize].Chunk(PinTable.SlotSize)
            .Where(slot => BinaryPrimitives.ReadInt64LittleEndian(slot.AsSpan(PinTable.ExpiryOffset)) > now)
            .Select(static slot => (Address: AddressPrefix.Of(slot.AsSpan(0, 16)),
                Set: BinaryPrimitives.ReadInt32LittleEndian(slot.AsSpan(PinTable.SetOffset))))
            // The sandbox's word: what no rule leads to opens nothing.
            .Where(item => used.Contains(item.Set))
            .ToLookup(static item => item.Address, static item => item.Set);
    }

    private KernelMap Map(string name) => _maps.First(map => map.Name == name);
}
