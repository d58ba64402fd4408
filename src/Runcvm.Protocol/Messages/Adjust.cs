using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>What shall be different in a guest that runs.</summary>
/// <param name="Clock">the host's time, nanoseconds since 1970 UTC, which a guest that was held up may have missed; 0 leaves the clock</param>
/// <param name="UsesBalloon">the host is about to ask for memory, or to give some back: the driver must be there</param>
/// <param name="ProcessLimit">most processes of the workload; 0 leaves the limit, less than that is none</param>
public sealed record Adjust(long Clock = 0, bool UsesBalloon = false, long ProcessLimit = 0) : IMessage<Adjust>
{
    static MessageKind IMessage<Adjust>.Kind => MessageKind.Adjust;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Int64(Clock);
        w.Flag(UsesBalloon);
        w.Int64(ProcessLimit);
    }

    /// <inheritdoc/>
    public static Adjust Read(ref WireReader r) => new(r.Int64(), r.Flag(), r.Int64());
}
