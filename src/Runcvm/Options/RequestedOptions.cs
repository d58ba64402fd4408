using Runcvm.Egress;
using Runcvm.Machines;

namespace Runcvm.Options;

/// <summary>What somebody wrote, before host and specification have their say: null is "not set".</summary>
internal sealed record RequestedOptions
{
    internal Hypervisor Hypervisor { get; init; } = Hypervisor.Auto;
    internal Acceleration Acceleration { get; init; } = Acceleration.Auto;
    internal int? Cpus { get; init; }
    internal long? MemoryBytes { get; init; }

    /// <summary>What of it is a wish and no decision; size and acceleration are decided, see above.</summary>
    internal Hardware Hardware { get; init; } = new() { Balloon = true };

    internal WarmStart Warm { get; init; } = WarmStart.Auto;
    internal string? Template { get; init; }
    internal long? ScratchSizeBytes { get; init; }
    internal string? Kernel { get; init; }
    internal string? KernelArgs { get; init; }
    internal string? KernelAppend { get; init; }
    internal bool MountAllModules { get; init; }
    internal bool KernelDebug { get; init; }
    internal CgroupMode? CgroupMode { get; init; }
    internal bool? Systemd { get; init; }
    internal bool Init { get; init; }

    internal bool Break { get; init; }
    internal bool SaysHostNetwork { get; init; }
    internal bool MaySpoof { get; init; }
    internal EgressPolicy? Egress { get; init; }
    internal bool? LetsJoinedOut { get; init; }
    internal bool? RootIsShare { get; init; }
    internal IReadOnlyList<DiskRequest> Disks { get; init; } = [];
    internal bool SharesSockets { get; init; }
    internal ShareCache ShareCache { get; init; } = ShareCache.Auto;
    internal LogLevel? LogLevel { get; init; }
    internal bool Debug { get; init; }
}
