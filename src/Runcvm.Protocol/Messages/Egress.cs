using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>A policy of what the machine may reach has changed in the kernel: names shall be answered by it.</summary>
/// <param name="Index">which of the machine's</param>
/// <param name="Rules">as RUNCVM_EGRESS has them</param>
/// <param name="Sets">for each rule the number of its ports in the kernel's table, where it allows a name</param>
public sealed record ChangeEgress(uint Index, string Rules, IReadOnlyList<uint> Sets) : IMessage<ChangeEgress>
{
    static MessageKind IMessage<ChangeEgress>.Kind => MessageKind.ChangeEgress;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Index);
        w.Text(Rules);
        w.List(Sets, static (w, set) => w.UInt32(set));
    }

    /// <inheritdoc/>
    public static ChangeEgress Read(ref WireReader r)
        => new(r.UInt32(), r.Text(), r.List(static (ref WireReader r) => r.UInt32()));
}

/// <summary>Names are answered by it.</summary>
/// <param name="Failure">why not, or nothing</param>
public sealed record EgressChanged(string Failure) : IMessage<EgressChanged>
{
    static MessageKind IMessage<EgressChanged>.Kind => MessageKind.EgressChanged;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.Text(Failure);

    /// <inheritdoc/>
    public static EgressChanged Read(ref WireReader r) => new(r.Text());
}
