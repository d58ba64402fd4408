using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>The ports at which the guest listens now, sent whenever they have changed.</summary>
public sealed record Listening(IReadOnlyList<ListeningPort> Ports) : IMessage<Listening>
{
    static MessageKind IMessage<Listening>.Kind => MessageKind.Listening;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.List(Ports, static (w, port) => port.Write(w));

    /// <inheritdoc/>
    public static Listening Read(ref WireReader r) => new(r.List(ListeningPort.Read));
}

/// <summary>A port at which somebody listens.</summary>
/// <param name="Port">its number</param>
/// <param name="LoopbackOnly">at 127.0.0.1 or ::1 and nowhere else</param>
/// <param name="IsDatagram">a UDP port; else one of TCP</param>
public readonly record struct ListeningPort(ushort Port, bool LoopbackOnly, bool IsDatagram) : IWireValue<ListeningPort>
{
    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt16(Port);
        w.Flag(LoopbackOnly);
        w.Flag(IsDatagram);
    }

    /// <inheritdoc/>
    public static ListeningPort Read(ref WireReader r) => new(r.UInt16(), r.Flag(), r.Flag());
}
