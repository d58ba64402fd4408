using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>Somebody in the machine has connected to a socket of the host that is forwarded.</summary>
/// <param name="Number">by which the answer is known</param>
/// <param name="Socket">which socket: its place in <see cref="Setup.Sockets"/></param>
public sealed record DialSocket(uint Number, ushort Socket) : IMessage<DialSocket>
{
    /// <summary>How many connections a guest has at a time; further ones wait. Each may hold two windows.</summary>
    public const int MostConnections = 256;

    static MessageKind IMessage<DialSocket>.Kind => MessageKind.DialSocket;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Number);
        w.UInt16(Socket);
    }

    /// <inheritdoc/>
    public static DialSocket Read(ref WireReader r) => new(r.UInt32(), r.UInt16());
}
