using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>What a container of a pod may use of the machine; 0 is no limit.</summary>
public sealed record ContainerLimits : IWireValue<ContainerLimits>
{
    /// <summary>bytes</summary>
    public long Memory { get; init; }

    /// <summary>microseconds of processors in a period</summary>
    public long CpuQuota { get; init; }

    /// <summary>microseconds; 0 is the kernel's usual</summary>
    public long CpuPeriod { get; init; }

    /// <summary>its part where processors are scarce, from 1 to 10 000; 0 is the kernel's usual</summary>
    public long CpuWeight { get; init; }

    /// <summary>processes and threads</summary>
    public long Processes { get; init; }

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Int64(Memory);
        w.Int64(CpuQuota);
        w.Int64(CpuPeriod);
        w.Int64(CpuWeight);
        w.Int64(Processes);
    }

    /// <inheritdoc/>
    public static ContainerLimits Read(ref WireReader r) => new()
    {
        Memory = r.Int64(),
        CpuQuota = r.Int64(),
        CpuPeriod = r.Int64(),
        CpuWeight = r.Int64(),
        Processes = r.Int64(),
    };
}
