using Runcvm.Linux.Bpf;
using Runcvm.Protocol.Wire;

namespace Runcvm.Egress;

/// <summary>A policy that is in force for a machine, as the host's verbs find it again. `create` notes it where the
/// sandbox cannot write: a supervisor that was taken over must not pass one table off as another.</summary>
/// <param name="Text">its rules now</param>
/// <param name="Source">see <see cref="EgressPolicy.Source"/></param>
/// <param name="Origin">whose it is</param>
/// <param name="Program">the one that decides, which leads to the tables</param>
internal sealed record LoadedPolicy(string Text, string Source, EgressOrigin Origin, LoadedProgram Program)
    : IWireValue<LoadedPolicy>
{
    /// <summary>What may be in its tables.</summary>
    internal EgressContents Contents { get; init; } = EgressContents.Empty;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(Text);
        w.Text(Source);
        w.Byte((byte)Origin);
        w.UInt32(Program.Number);
        w.UInt64(Program.Time);
        Contents.Write(w);
    }

    /// <inheritdoc/>
    public static LoadedPolicy Read(ref WireReader r)
        => new(r.Text(), r.Text(), (EgressOrigin)r.Byte(), new LoadedProgram(r.UInt32(), r.UInt64()))
        {
            Contents = EgressContents.Read(ref r),
        };

    /// <summary>The tables, or null where they are gone with the machine.</summary>
    internal IReadOnlyList<KernelMap>? TryOpen() => KernelMap.TryOf(Program, EgressPrograms.Name);
}

/// <summary>All policies of a machine, in the order in which they are asked.</summary>
internal sealed record LoadedPolicies(IReadOnlyList<LoadedPolicy> All) : IWireValue<LoadedPolicies>
{
    /// <inheritdoc/>
    public void Write(WireWriter w) => w.List(All, static (w, item) => item.Write(w));

    /// <inheritdoc/>
    public static LoadedPolicies Read(ref WireReader r) => new(r.List(LoadedPolicy.Read));
}
