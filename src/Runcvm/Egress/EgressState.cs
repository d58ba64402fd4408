using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Runcvm.Linux.Bpf;

namespace Runcvm.Egress;

/// <summary>A policy of a machine that runs, as the kernel's tables tell it.</summary>
/// <param name="Refusals">what the machine was refused, the last first</param>
/// <param name="Counted">what has happened so far</param>
/// <param name="Open">addresses that names have now, with the seconds for which they may still be reached</param>
internal sealed record EgressState(
    IReadOnlyList<EgressState.Refusal> Refusals, EgressState.Counts Counted,
    IReadOnlyList<(string Address, long Seconds)> Open)
{
    private const long Nanoseconds = 1_000_000_000;

    /// <summary>Null where it is gone with its machine.</summary>
    internal static EgressState? TryOf(LoadedPolicy policy)
    {
        if (policy.TryOpen() is not { } maps) return null;
        EgressState state = Read(maps);
        foreach (KernelMap map in maps) map.Dispose();
        return state;
    }

    private static EgressState Read(IReadOnlyList<KernelMap> maps)
    {
        long now = Now();
        byte[] pins = new byte[PinTable.Size];
        _ = maps.First(static map => map.Name == EgressMaps.PinsName).TryGet(new byte[sizeof(int)], pins);
        return new EgressState(
            RefusalsIn(maps),
            new Counts(
                Count(EgressMaps.FlowsAllowed), Count(EgressMaps.PacketsRefused), Count(EgressMaps.FramesDropped),
                Number(pins, PinTable.SlotsSize)),
            [.. Pinned(pins[..PinTable.SlotsSize], now).OrderBy(static pin => pin.Address, StringComparer.Ordinal)]);

        long Count(int what)
        {
            byte[] value = new byte[sizeof(long)];
            return maps.First(static map => map.Name == EgressMaps.CountsName).TryGet(EgressMaps.Bytes(what), value)
                ? Number(value, 0) : 0;
        }
    }

    /// <summary>What was refused, the last first.</summary>
    internal static IReadOnlyList<Refusal> RefusalsIn(IReadOnlyList<KernelMap> maps)
    {
        long now = Now();
        return [.. maps.First(static map => map.Name == EgressMaps.RefusalsName)
            .Snapshot(FrameStack.RefusalSize, FrameStack.RefusalValueSize, EgressMaps.MostRefusals)
            .Where(static entry => !IsFrame(entry.Key)).Select(entry => Refusal.Of(entry.Key, entry.Value, now))
            .OrderBy(static refusal => refusal.SecondsAgo)];
    }

    /// <summary>Connections that the machine began: by what each is known, and where it leads.</summary>
    internal static IEnumerable<(string Key, Refusal Target)> FlowsIn(IReadOnlyList<KernelMap> maps)
    {
        const int PortAt = FrameStack.FlowOtherPort - FrameStack.Flow;
        const int ProtocolAt = FrameStack.FlowProtocol - FrameStack.Flow;
        return maps.First(static map => map.Name == EgressMaps.FlowsName)
            .Snapshot(FrameStack.FlowSize, FrameStack.FlowValueSize, EgressMaps.MostFlows)
            .Where(static entry => Number(entry.Value, sizeof(long)) == FrameStack.BegunByMachine)
            .Select(static entry => (Convert.ToHexString(entry.Key),
                Refusal.To(entry.Key, entry.Key.AsSpan(PortAt), entry.Key[ProtocolAt], 1, 0)));
    }

    private static long Now() => (long)(Stopwatch.GetTimestamp() * ((double)Nanoseconds / Stopwatch.Frequency));

    private static bool IsFrame(byte[] key) => key[FrameStack.RefusalReason - FrameStack.Refusal] != 0;

    // An address stands there once for each rule.
    private static IEnumerable<(string Address, long Seconds)> Pinned(byte[] pins, long now)
        => pins.Chunk(PinTable.SlotSize)
            .Select(slot => (Slot: slot, Left: Number(slot, PinTable.ExpiryOffset) - now))
            .Where(static item => item.Left > 0)
            .GroupBy(static item => AddressPrefix.Of(item.Slot.AsSpan(0, 16)).ToString())
            .Select(static group => (group.Key, group.Max(static item => item.Left) / Nanoseconds));

    private static long Number(byte[] bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(at));

    /// <summary>What has happened under a policy.</summary>
    /// <param name="FlowsAllowed">connections that the machine began</param>
    /// <param name="PacketsRefused">because no rule allows them</param>
    /// <param name="FramesDropped">that were none of those that can be read</param>
    /// <param name="NamesRefused">questions that were not asked; the sandbox's word</param>
    internal sealed record Counts(long FlowsAllowed, long PacketsRefused, long FramesDropped, long NamesRefused);

    /// <summary>An address and port that the machine tried and could not reach.</summary>
    /// <param name="Address">where to</param>
    /// <param name="Port">0 for pings</param>
    /// <param name="Protocol">tcp, udp or icmp</param>
    /// <param name="Count">packets</param>
    /// <param name="SecondsAgo">since the last one</param>
    internal sealed record Refusal(string Address, int Port, string Protocol, long Count, long SecondsAgo)
    {
        internal static Refusal Of(byte[] key, byte[] value, long now)
        {
            const int PortAt = FrameStack.RefusalPort - FrameStack.Refusal;
            const int ProtocolAt = FrameStack.RefusalProtocol - FrameStack.Refusal;
            long ago = Math.Max(0, now - Number(value, sizeof(long))) / Nanoseconds;
            return To(key, key.AsSpan(PortAt), key[ProtocolAt], Number(value, 0), ago);
        }

        internal static Refusal To(
            ReadOnlySpan<byte> address, ReadOnlySpan<byte> port, byte number, long count, long ago)
        {
            string protocol = number == EgressPorts.Tcp ? "tcp" : number == EgressPorts.Udp ? "udp" : "icmp";
            return new Refusal(
                AddressPrefix.Of(address[..(AddressPrefix.Bits / 8)]).ToString(),
                BinaryPrimitives.ReadUInt16BigEndian(port), protocol, count, ago);
        }

        /// <summary>The rule that would allow it.</summary>
        internal string Rule
        {
            get
            {
                string target = Address.Contains(':', StringComparison.Ordinal) ? $"[{Address}]" : Address;
                string port = Port.ToString(CultureInfo.InvariantCulture);
                return target + Protocol switch { "tcp" => $":{port}", "udp" => $":udp/{port}", _ => ":icmp" };
            }
        }
    }
}
