using System.Buffers.Binary;
using System.Diagnostics;
using Runcvm.Linux.Bpf;

namespace Runcvm.Egress;

/// <summary>Puts a policy in the place of one that is in force, in the tables that the machine's programs look into.
/// Each packet meanwhile is decided by the one or by the other.</summary>
internal sealed class PolicyExchange
{
    private const long Nanoseconds = 1_000_000_000;

    // A thousand rules, the special addresses and the host's, several times.
    private const int MostPrefixes = 16384;

    private readonly IReadOnlyList<KernelMap> _maps;
    private readonly EgressContents _contents;
    private readonly List<byte[]> _present = [];
    private readonly FlowVerdict _verdict;

    /// <param name="maps">the machine's</param>
    /// <param name="before">what is in force</param>
    /// <param name="next">what shall be</param>
    /// <param name="host">the host's own addresses</param>
    /// <param name="contents">what may be in the tables</param>
    /// <exception cref="UsageException">there is no room for it</exception>
    internal PolicyExchange(
        IReadOnlyList<KernelMap> maps, EgressPolicy before, EgressPolicy next, IReadOnlyList<AddressPrefix> host,
        EgressContents contents)
    {
        (_maps, _contents) = (maps, contents);
        byte[] set = new byte[EgressPorts.BitmapSize];
        // Where a change broke off nobody knows what the supervisor was told: names lead nowhere until it is again.
        if (contents.IsPending)
            foreach (int name in contents.Names) Ports.Put(EgressMaps.Bytes(name), set);
        for (int i = 0; Ports.TryGet(EgressMaps.Bytes(i), set); i++) _present.Add([.. set]);
        Tables = new EgressTables(next, host, _present, contents.Prefixes, contents.Names);
        // Each change that breaks off adds to what may be there.
        if (Meanwhile.Prefixes.Count > MostPrefixes) throw new UsageException(
            "there is no room for so many prefixes; the machine must be started again for that");
        // Where a change broke off nobody knows which policy a flow was begun under: no name keeps one.
        _verdict = new FlowVerdict(
            contents.IsPending ? before with { Rules = [] } : before, next, _present, Old(), Tables);
    }

    /// <summary>The next one's.</summary>
    internal EgressTables Tables { get; }

    /// <summary>What may be in the tables from the beginning of the exchange to its end; to be noted before.</summary>
    internal EgressContents Meanwhile => new(
        [.. _contents.Prefixes.Union(Tables.Prefixes.Select(static item => item.Prefix))],
        [.. _contents.Names.Union(Tables.Names)], true);

    private KernelMap Ports => Map(EgressMaps.PortsName);

    private KernelMap Prefixes => Map(EgressMaps.PrefixesName);

    /// <summary>What is in the tables in the end. A supervisor that was not told may use any number that it was ever
    /// given.</summary>
    internal EgressContents Afterwards(bool isTold)
        => isTold ? EgressContents.Of(Tables) : EgressContents.Of(Tables) with { Names = Meanwhile.Names };

    /// <summary>Addresses are decided by the next policy from here on. Names lead where they led.</summary>
    internal void Begin()
    {
        for (int i = 0; i < _present.Count; i++)
            if (!Tables.Names.Contains(i) && !ReferenceEquals(Tables.Sets[i], _present[i]))
                Ports.Put(EgressMaps.Bytes(i), Tables.Sets[i]);
        // The longest first: an address whose longest prefix is still the old one is decided by the old policy alone.
        foreach ((AddressPrefix prefix, (int Allowed, int Denied) sets)
            in Tables.Prefixes.OrderByDescending(static item => item.Prefix.Length))
            Prefixes.Put(EgressTables.KeyOf(prefix), EgressMaps.Bytes(sets));
        foreach (AddressPrefix stale in Tables.Stale) Prefixes.TryRemove(EgressTables.KeyOf(stale));
        // What an address alone decides need not wait for a supervisor.
        LoadedProgram.AwaitOthers();
        Close(_verdict.EndsByAddress);
    }

    /// <summary>Ends what only the old policy allowed: sets that lead to nothing any more, and flows.</summary>
    /// <param name="isTold">whether the supervisor knows the rules about names; else all names lead nowhere</param>
    internal void End(bool isTold)
    {
        // Not before it has forgotten what it knew: it could put an address of another name to a number.
        if (isTold)
            foreach (int name in Tables.Names) Ports.Put(EgressMaps.Bytes(name), Tables.Sets[name]);
        HashSet<int> used = [.. Tables.InPrefixes];
        if (isTold) used.UnionWith(Tables.Names);
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
        ILookup<AddressPrefix, int> pinned = Pinned(open, used);
        Close(flow => !_verdict.Keeps(flow, pinned));
    }

    private void Close(Predicate<EgressFlow> ends)
    {
        KernelMap flows = Map(EgressMaps.FlowsName);
        foreach ((byte[] key, byte[] value) in flows.Snapshot(
            FrameStack.FlowSize, FrameStack.FlowValueSize, EgressMaps.MostFlows))
        {
            // What others began stays theirs.
            if (BinaryPrimitives.ReadInt64LittleEndian(value.AsSpan(sizeof(long))) != FrameStack.BegunByMachine)
                continue;
            var flow = EgressFlow.Of(key);
            if (!ends(flow)) continue;
            if (flow.Protocol == EgressPorts.Tcp) flows.TryRemove(key);
            // The peer's next packet must not be taken for the beginning of a flow of its own.
            else flows.Put(key, Ended);
        }
    }

    private static byte[] Ended
    {
        get
        {
            byte[] value = new byte[FrameStack.FlowValueSize];
            BinaryPrimitives.WriteInt64LittleEndian(value.AsSpan(sizeof(long)), FrameStack.EndedByChange);
            return value;
        }
    }

    // One that is not there gives what the longest prefix around it has, which is the answer for it as well.
    private PrefixLookup Old()
    {
        byte[] sets = new byte[EgressMaps.PrefixValueSize];
        return new PrefixLookup([.. _contents.Prefixes
            .Select(prefix => (prefix, Prefixes.TryGet(EgressTables.KeyOf(prefix), sets)
                ? (BinaryPrimitives.ReadInt32LittleEndian(sets),
                    BinaryPrimitives.ReadInt32LittleEndian(sets.AsSpan(sizeof(int))))
                : (EgressTables.Nothing, EgressTables.Nothing)))]);
    }

    private static ILookup<AddressPrefix, int> Pinned(byte[] pins, HashSet<int> used)
    {
        long now = (long)(Stopwatch.GetTimestamp() * ((double)Nanoseconds / Stopwatch.Frequency));
        return pins[..PinTable.SlotsSize].Chunk(PinTable.SlotSize)
            .Where(slot => BinaryPrimitives.ReadInt64LittleEndian(slot.AsSpan(PinTable.ExpiryOffset)) > now)
            .Select(static slot => (Address: AddressPrefix.Of(slot.AsSpan(0, 16)),
                Set: BinaryPrimitives.ReadInt32LittleEndian(slot.AsSpan(PinTable.SetOffset))))
            // The sandbox's word: what no rule leads to opens nothing.
            .Where(item => used.Contains(item.Set)).Distinct()
            .ToLookup(static item => item.Address, static item => item.Set);
    }

    private KernelMap Map(string name) => _maps.First(map => map.Name == name);
}
