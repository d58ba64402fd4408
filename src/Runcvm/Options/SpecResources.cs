namespace Runcvm.Options;

/// <summary>What the container's specification says that options depend on. Null is "not said"; so are the values that
/// engines write for "no limit" (0 and negative numbers).</summary>
/// <param name="MemoryLimitBytes">linux.resources.memory.limit</param>
/// <param name="CpuQuota">linux.resources.cpu.quota, microseconds in a period</param>
/// <param name="CpuPeriod">linux.resources.cpu.period, microseconds</param>
/// <param name="CpusetCpus">linux.resources.cpu.cpus, such as <c>0-3,7</c></param>
/// <param name="WorkloadIsSystemd">the command is systemd or a link to it</param>
internal sealed record SpecResources(
    long? MemoryLimitBytes, long? CpuQuota, long? CpuPeriod, string? CpusetCpus, bool WorkloadIsSystemd);
