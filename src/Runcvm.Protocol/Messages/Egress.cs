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

/// <summary>Somebody wants to know which names the machine was given addresses for.</summary>
public sealed record ReadNames : IMessage<ReadNames>
{
    static MessageKind IMessage<ReadNames>.Kind => MessageKind.ReadNames;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
    }

    /// <inheritdoc/>
    public static ReadNames Read(ref WireReader r) => new();
}

/// <summary>Names that were answered, the last of them.</summary>
/// <param name="All">each with one address</param>
public sealed record NamesRead(IReadOnlyList<AnsweredName> All) : IMessage<NamesRead>
{
    static MessageKind IMessage<NamesRead>.Kind => MessageKind.NamesRead;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.List(All, static (w, item) => item.Write(w));

    /// <inheritdoc/>
    public static NamesRead Read(ref WireReader r) => new(r.List(AnsweredName.Read));
}

/// <summary>A name that was answered.</summary>
/// <param name="Name">as it was asked for</param>
/// <param name="Address">16 bytes; those of IPv4 are in ::ffff:0:0/96</param>
/// <param name="IsEnough">whether a rule with the name alone lets it lead there</param>
public sealed record AnsweredName(string Name, byte[] Address, bool IsEnough) : IWireValue<AnsweredName>
{
    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(Name);
        w.Bytes(Address);
        w.Flag(IsEnough);
    }

    /// <inheritdoc/>
    public static AnsweredName Read(ref WireReader r) => new(r.Text(), r.Bytes(), r.Flag());
}
