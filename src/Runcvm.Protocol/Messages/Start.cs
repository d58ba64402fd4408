using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>Run a process in the guest.</summary>
/// <param name="Id">its number on this stream; <see cref="Workload"/> is the image's own process</param>
/// <param name="Process">what to run</param>
public sealed record Start(uint Id, ProcessSpec Process)
{
    /// <summary>The channel on which <see cref="MessageKind"/> messages travel.</summary>
    public const uint ControlChannel = 0;

    /// <summary>The channel on which the guest's questions to the engine's nameserver travel.</summary>
    public const uint DnsChannel = 1;

    /// <summary>The number of the image's own process.</summary>
    public const uint Workload = 1;

    /// <summary>Writes it.</summary>
    public void Write(WireWriter w)
    {
        w.UInt32(Id);
        Process.Write(w);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static Start Read(ref WireReader r) => new(r.UInt32(), ProcessSpec.Read(ref r));

    /// <summary>The channel of a process's standard input (0), output (1) or error (2).</summary>
    public static uint ChannelOf(uint process, uint stream) => (process * 4) + stream;
}

/// <summary>A process that was to be got ready will not be started.</summary>
/// <param name="Id">its number</param>
public sealed record Forget(uint Id)
{
    /// <summary>Writes it.</summary>
    public void Write(WireWriter w) => w.UInt32(Id);

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static Forget Read(ref WireReader r) => new(r.UInt32());
}
