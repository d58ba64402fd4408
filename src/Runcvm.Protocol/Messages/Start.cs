using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>Run a process in the guest.</summary>
/// <param name="Id">its number on this stream; <see cref="Workload"/> is the image's own process</param>
/// <param name="Process">what to run</param>
public sealed record Start(uint Id, ProcessSpec Process) : IMessage<Start>
{
    /// <summary>the container of a pod in which it runs, by the number of that one's own process; 0 is the
    /// machine</summary>
    public uint Container { get; init; }

    /// <summary>The channel on which <see cref="MessageKind"/> messages travel.</summary>
    public const uint ControlChannel = 0;

    /// <summary>The channel on which the guest's questions to the engine's nameserver travel.</summary>
    public const uint DnsChannel = 1;

    /// <summary>The number of the image's own process.</summary>
    public const uint Workload = 1;

    static MessageKind IMessage<Start>.Kind => MessageKind.Start;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Id);
        w.UInt32(Container);
        Process.Write(w);
    }

    /// <inheritdoc/>
    public static Start Read(ref WireReader r)
    {
        uint id = r.UInt32();
        uint container = r.UInt32();
        return new Start(id, ProcessSpec.Read(ref r)) { Container = container };
    }

    /// <summary>The channel of a process's standard input (0), output (1) or error (2).</summary>
    public static uint ChannelOf(uint process, uint stream) => (process * 4) + stream;
}

/// <summary>Get a process ready, and do not run it yet; <see cref="Start"/> with the same number may follow.</summary>
/// <param name="Start">what will start it</param>
public sealed record Prepare(Start Start) : IMessage<Prepare>
{
    static MessageKind IMessage<Prepare>.Kind => MessageKind.Prepare;

    /// <inheritdoc/>
    public void Write(WireWriter w) => Start.Write(w);

    /// <inheritdoc/>
    public static Prepare Read(ref WireReader r) => new(Start.Read(ref r));
}

/// <summary>A process that was to be got ready will not be started.</summary>
/// <param name="Id">its number</param>
public sealed record Forget(uint Id) : IMessage<Forget>
{
    static MessageKind IMessage<Forget>.Kind => MessageKind.Forget;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.UInt32(Id);

    /// <inheritdoc/>
    public static Forget Read(ref WireReader r) => new(r.UInt32());
}
