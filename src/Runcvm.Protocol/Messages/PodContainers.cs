using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>Make a container of the pod, and get its first process ready up to just before its program.
/// <see cref="Start"/> with the same number may follow.</summary>
/// <param name="Id">the number of its first process, and its own</param>
/// <param name="Container">what it is</param>
public sealed record AddContainer(uint Id, ContainerSetup Container) : IMessage<AddContainer>
{
    static MessageKind IMessage<AddContainer>.Kind => MessageKind.AddContainer;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Id);
        Container.Write(w);
    }

    /// <inheritdoc/>
    public static AddContainer Read(ref WireReader r) => new(r.UInt32(), ContainerSetup.Read(ref r));
}

/// <summary>A container's first process waits just before its program.</summary>
/// <param name="Id">its number</param>
public sealed record Prepared(uint Id) : IMessage<Prepared>
{
    static MessageKind IMessage<Prepared>.Kind => MessageKind.Prepared;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.UInt32(Id);

    /// <inheritdoc/>
    public static Prepared Read(ref WireReader r) => new(r.UInt32());
}

/// <summary>End all processes of a container, and forget it.</summary>
/// <param name="Id">its number</param>
public sealed record RemoveContainer(uint Id) : IMessage<RemoveContainer>
{
    static MessageKind IMessage<RemoveContainer>.Kind => MessageKind.RemoveContainer;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.UInt32(Id);

    /// <inheritdoc/>
    public static RemoveContainer Read(ref WireReader r) => new(r.UInt32());
}

/// <summary>A container is no more: none of its processes, no mount.</summary>
/// <param name="Id">its number</param>
public sealed record Removed(uint Id) : IMessage<Removed>
{
    static MessageKind IMessage<Removed>.Kind => MessageKind.Removed;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.UInt32(Id);

    /// <inheritdoc/>
    public static Removed Read(ref WireReader r) => new(r.UInt32());
}

/// <summary>Shares that are served no longer: what the guest's kernel remembers of them is of no use.</summary>
/// <param name="Shares">from 1 on</param>
public sealed record LoseShares(IReadOnlyList<uint> Shares) : IMessage<LoseShares>
{
    static MessageKind IMessage<LoseShares>.Kind => MessageKind.LoseShares;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.List(Shares, static (w, share) => w.UInt32(share));

    /// <inheritdoc/>
    public static LoseShares Read(ref WireReader r) => new(r.List(static (ref WireReader r) => r.UInt32()));
}
