using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Runcvm.Linux.Bpf;

namespace Runcvm.Egress;

/// <summary>A policy of a machine that runs, as the kernel's tables tell it.</summary>
/// <param name="Refusals">what the machine was refused, the last first</param>
/// <param name="DroppedFrames">frames that were none of those that can be read</param>
/// <param name="Open">addresses that names have now, with the seconds for which they may still be reached</param>
internal sealed record EgressState(
    IReadOnlyList<EgressState.Refusal> Refusals, long DroppedFrames, IReadOnlyList<(string Address, long Seconds)> Open)
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
        long now = (long)(Stopwatch.GetTimestamp() * ((double)Nanoseconds / Stopwatch.Frequency));
        KernelMap refusals = maps.First(static map => map.Name == EgressMaps.RefusalsName);
        IReadOnlyList<(byte[] Key, byte[] Value)> entries =
            refusals.Entries(FrameStack.RefusalSize, FrameStack.RefusalValueSize, EgressMaps.MostRefusals);
        byte[] pins = new byte[PinTable.Size];
        _ = maps.First(static map => map.Name == EgressMaps.PinsName).TryGet(new byte[sizeof(int)], pins);
        return new EgressState(
            [.. entries.Where(static entry => !IsFrame(entry.Key))
                .Select(entry => Refusal.Of(entry.Key, entry.Value, now))
                .OrderBy(static refusal => refusal.SecondsAgo)],
            entries.Where(static entry => IsFrame(entry.Key))
                .Sum(static entry => BinaryPrimitives.ReadInt64LittleEndian(entry.Value)),
            [.. Pinned(pins, now).OrderBy(static pin => pin.Address, StringComparer.Ordinal)]);
    }

    private static bool IsFrame(byte[] key) => key[FrameStack.RefusalReason - FrameStack.Refusal] != 0;

    // An address stands there once for each rule.
    private static IEnumerable<(string Address, long Seconds)> Pinned(byte[] pins, long now)
        => pins.Chunk(PinTable.SlotSize)
            .Select(slot => (Slot: slot, Left: Number(slot, PinTable.ExpiryOffset) - now))
            .Where(static item => item.Left > 0)
            .GroupBy(static item => AddressPrefix.Of(item.Slot.AsSpan(0, 16)).ToString())
            .Select(static group => (group.Key, group.Max(static item => item.Left) / Nanoseconds));

    private static long Number(byte[] bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(at));

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
            string address = AddressPrefix.Of(key.AsSpan(0, 16)).ToString();
            int port = BinaryPrimitives.ReadUInt16BigEndian(key.AsSpan(PortAt));
            byte number = key[ProtocolAt];
            string protocol = number == EgressPorts.Tcp ? "tcp" : number == EgressPorts.Udp ? "udp" : "icmp";
            long ago = Math.Max(0, now - Number(value, sizeof(long))) / Nanoseconds;
            return new Refusal(address, port, protocol, Number(value, 0), ago);
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
