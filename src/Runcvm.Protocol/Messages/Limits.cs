using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>New limits for a machine that runs.</summary>
/// <param name="MemoryMebibytes">how much of its memory the guest shall use; 0 leaves it</param>
/// <param name="ProcessLimit">as in <see cref="Adjust"/></param>
public sealed record SetLimits(long MemoryMebibytes, long ProcessLimit) : IMessage<SetLimits>
{
    static MessageKind IMessage<SetLimits>.Kind => MessageKind.SetLimits;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Int64(MemoryMebibytes);
        w.Int64(ProcessLimit);
    }

    /// <inheritdoc/>
    public static SetLimits Read(ref WireReader r) => new(r.Int64(), r.Int64());
}

/// <summary>What became of <see cref="SetLimits"/>, or of <see cref="ChangeContainer"/>.</summary>
/// <param name="Failure">why not, or nothing</param>
public sealed record LimitsSet(string Failure) : IMessage<LimitsSet>
{
    static MessageKind IMessage<LimitsSet>.Kind => MessageKind.LimitsSet;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.Text(Failure);

    /// <inheritdoc/>
    public static LimitsSet Read(ref WireReader r) => new(r.Text());
}
