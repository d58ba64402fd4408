using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>Connect to a port of the guest's loopback address, for somebody who shares the machine's addresses. What goes
/// there travels on channel <see cref="Start.ChannelOf"/> 0 of this number, what comes back on channel 1. A guest that cannot
/// connect closes both. Datagrams travel as <see cref="Frames.Datagram"/> has it, all of them from one sender.</summary>
/// <param name="Id">a number that no process has</param>
/// <param name="Port">its number</param>
/// <param name="IsDatagram">a UDP port; else one of TCP</param>
public sealed record Connect(uint Id, ushort Port, bool IsDatagram) : IMessage<Connect>
{
    static MessageKind IMessage<Connect>.Kind => MessageKind.Connect;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Id);
        w.UInt16(Port);
        w.Flag(IsDatagram);
    }

    /// <inheritdoc/>
    public static Connect Read(ref WireReader r) => new(r.UInt32(), r.UInt16(), r.Flag());
}
