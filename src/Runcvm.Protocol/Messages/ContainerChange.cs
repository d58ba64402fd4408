using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>What shall be different with a container of a pod.</summary>
public sealed record ContainerChange : IWireValue<ContainerChange>
{
    /// <summary>what it may use from now on; 0 leaves a limit, and a negative number takes it away</summary>
    public ContainerLimits Limits { get; init; } = new();

    /// <summary>whether it stands still</summary>
    public Motion Motion { get; init; }

    /// <summary>a signal for its first process; 0 is none</summary>
    public byte Signal { get; init; }

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Byte((byte)Motion);
        w.Byte(Signal);
        Limits.Write(w);
    }

    /// <inheritdoc/>
    public static ContainerChange Read(ref WireReader r) => new()
    {
        Motion = MotionOf(r.Byte()),
        Signal = r.Byte(),
        Limits = ContainerLimits.Read(ref r),
    };

    private static Motion MotionOf(byte number) => number <= (byte)Motion.Go ? (Motion)number
        : throw new WireFormatException($"a container can stand or go, and do nothing else ({number})");
}

/// <summary>Whether processes stand still.</summary>
public enum Motion : byte
{
    /// <summary>as it was</summary>
    Keep,

    /// <summary>they stand still</summary>
    Stand,

    /// <summary>they go on</summary>
    Go,
}

/// <summary>A verb of the host to a pod's supervisor: a container shall change. <see cref="LimitsSet"/> is the
/// answer.</summary>
/// <param name="Key">what the host calls the container</param>
/// <param name="Change">how</param>
public sealed record ChangeContainer(string Key, ContainerChange Change) : IMessage<ChangeContainer>
{
    static MessageKind IMessage<ChangeContainer>.Kind => MessageKind.ChangeContainer;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(Key);
        Change.Write(w);
    }

    /// <inheritdoc/>
    public static ChangeContainer Read(ref WireReader r) => new(r.Text(), ContainerChange.Read(ref r));
}

/// <summary>The same to the guest. <see cref="Changed"/> is the answer, also where the container is there no
/// more.</summary>
/// <param name="Id">the container's number</param>
/// <param name="Difference">how; without a signal, which is a message of its own</param>
public sealed record Change(uint Id, ContainerChange Difference) : IMessage<Change>
{
    static MessageKind IMessage<Change>.Kind => MessageKind.Change;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Id);
        Difference.Write(w);
    }

    /// <inheritdoc/>
    public static Change Read(ref WireReader r) => new(r.UInt32(), ContainerChange.Read(ref r));
}

/// <summary>What became of a <see cref="Change"/>.</summary>
/// <param name="Id">the container's number</param>
/// <param name="Failure">why not, or nothing</param>
public sealed record Changed(uint Id, string Failure) : IMessage<Changed>
{
    static MessageKind IMessage<Changed>.Kind => MessageKind.Changed;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Id);
        w.Text(Failure);
    }

    /// <inheritdoc/>
    public static Changed Read(ref WireReader r) => new(r.UInt32(), r.Text());
}
