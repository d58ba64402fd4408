using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>The answer to <see cref="DialSocket"/>. What comes from the host's socket travels on channel <see cref="Start.ChannelOf"/> 0 of
/// this number, what goes there on channel 1.</summary>
/// <param name="Number">of the question</param>
/// <param name="Id">a number that no process has; 0 when the host could not connect</param>
public sealed record SocketDialled(uint Number, uint Id) : IMessage<SocketDialled>
{
    static MessageKind IMessage<SocketDialled>.Kind => MessageKind.SocketDialled;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Number);
        w.UInt32(Id);
    }

    /// <inheritdoc/>
    public static SocketDialled Read(ref WireReader r) => new(r.UInt32(), r.UInt32());
}
