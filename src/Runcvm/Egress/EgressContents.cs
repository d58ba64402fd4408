using Runcvm.Protocol.Wire;

namespace Runcvm.Egress;

/// <summary>What may be in the kernel's tables of a policy, as the host notes it. The table of prefixes is never read
/// through: kernels before 6.6.59, 6.1.115 and 6.11.5 write out of bounds where a prefix lies in 128 others.</summary>
/// <param name="Prefixes">of which each is there or not; others are not</param>
/// <param name="Names">numbers of sets that the supervisor may lead addresses of names to</param>
/// <param name="IsPending">whether a change of the tables had begun and is not known to have ended</param>
internal sealed record EgressContents(
    IReadOnlyList<AddressPrefix> Prefixes, IReadOnlyList<int> Names, bool IsPending) : IWireValue<EgressContents>
{
    /// <summary>Nothing.</summary>
    internal static EgressContents Empty { get; } = new([], [], false);

    /// <summary>What is there after these were put in, and nothing else.</summary>
    internal static EgressContents Of(EgressTables tables)
        => new([.. tables.Prefixes.Select(static item => item.Prefix).Except(tables.Stale)], [.. tables.Names], false);

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.List(Prefixes, static (w, prefix) =>
        {
            w.Bytes(prefix.ToBytes());
            w.Byte((byte)prefix.Length);
        });
        w.List(Names, static (w, number) => w.UInt32((uint)number));
        w.Flag(IsPending);
    }

    /// <inheritdoc/>
    public static EgressContents Read(ref WireReader r)
        => new(r.List(ReadPrefix), r.List(static (ref WireReader r) => (int)r.UInt32()), r.Flag());

    private static AddressPrefix ReadPrefix(ref WireReader r)
    {
        byte[] address = r.Bytes();
        int length = r.Byte();
        return address.Length == AddressPrefix.Bits / 8 && length <= AddressPrefix.Bits
            ? AddressPrefix.Of(address) with { Length = length }
            : throw new WireFormatException("a prefix is none");
    }
}
