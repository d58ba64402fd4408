using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>The machine is about to be saved: the guest flushes its disks, stops the workload's processes, and says no
/// more after <see cref="Held"/> until the host speaks again.</summary>
public sealed record Hold : IMessage<Hold>
{
    static MessageKind IMessage<Hold>.Kind => MessageKind.Hold;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
    }

    /// <inheritdoc/>
    public static Hold Read(ref WireReader r) => new();
}

/// <summary>The guest's last word before a pause.</summary>
/// <param name="Failure">why it cannot be saved, or nothing</param>
public sealed record Held(string Failure) : IMessage<Held>
{
    static MessageKind IMessage<Held>.Kind => MessageKind.Held;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.Text(Failure);

    /// <inheritdoc/>
    public static Held Read(ref WireReader r) => new(r.Text());
}

/// <summary>Who a guest is that was saved as another machine, and goes on as this one with what ran there.</summary>
/// <param name="HostName">as <see cref="Setup.HostName"/></param>
/// <param name="DomainName">as <see cref="Setup.DomainName"/></param>
/// <param name="Clock">as <see cref="Setup.Clock"/></param>
/// <param name="Entropy">as <see cref="Setup.Entropy"/></param>
/// <param name="Network">its network cards, which are as many as the other machine's, and its files</param>
public sealed record Adopt(string HostName, string DomainName, long Clock, byte[] Entropy, NetworkChange Network)
    : IMessage<Adopt>
{
    static MessageKind IMessage<Adopt>.Kind => MessageKind.Adopt;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(HostName);
        w.Text(DomainName);
        w.Int64(Clock);
        w.Bytes(Entropy);
        Network.Write(w);
    }

    /// <inheritdoc/>
    public static Adopt Read(ref WireReader r)
        => new(r.Text(), r.Text(), r.Int64(), r.Bytes(), NetworkChange.Read(ref r));
}

/// <summary>Somebody wants the machine saved into the file that comes with this. It stands still from the answer on
/// until that somebody hangs up.</summary>
public sealed record SaveMachine : IMessage<SaveMachine>
{
    static MessageKind IMessage<SaveMachine>.Kind => MessageKind.SaveMachine;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
    }

    /// <inheritdoc/>
    public static SaveMachine Read(ref WireReader r) => new();
}

/// <summary>The machine was written to the file, and stands still.</summary>
/// <param name="Failure">why it was not, or nothing</param>
/// <param name="IsPlacedFirst">its devices are in the first places, as those of a restored machine are</param>
/// <param name="Cards">how many network cards it has</param>
public sealed record MachineSaved(string Failure, bool IsPlacedFirst, uint Cards) : IMessage<MachineSaved>
{
    static MessageKind IMessage<MachineSaved>.Kind => MessageKind.MachineSaved;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(Failure);
        w.Flag(IsPlacedFirst);
        w.UInt32(Cards);
    }

    /// <inheritdoc/>
    public static MachineSaved Read(ref WireReader r) => new(r.Text(), r.Flag(), r.UInt32());
}
