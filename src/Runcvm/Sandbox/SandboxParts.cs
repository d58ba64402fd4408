using Runcvm.Machines;

namespace Runcvm.Sandbox;

/// <summary>What the sandbox is put together from, as paths of the host.</summary>
internal sealed record SandboxParts
{
    /// <summary>the empty root of every sandbox</summary>
    internal required string Skeleton { get; init; }

    /// <summary>this program</summary>
    internal required string Program { get; init; }

    /// <summary>the container's bundle</summary>
    internal required string Bundle { get; init; }

    /// <summary>the machine's state folder</summary>
    internal required string Folder { get; init; }

    internal required string Vmlinux { get; init; }

    internal required string Initramfs { get; init; }

    /// <summary>each disk's file on the host, and what it is in the machine</summary>
    internal required IReadOnlyList<(string Source, MachineDisk Disk)> Disks { get; init; }

    /// <summary>files of the engine, on the host and in the sandbox</summary>
    internal IReadOnlyList<(string Source, string Target)> Files { get; init; } = [];

    /// <summary>files and folders of the host that the hypervisor sees at the same place, read-only</summary>
    internal IReadOnlyList<string> HypervisorFiles { get; init; } = [];

    /// <summary>the hypervisor's program on the host and in its tree, where it opens disks, taps and sockets by name;
    /// null for one that gets open files</summary>
    internal (string OnHost, string InTree)? ByName { get; init; }

    /// <summary>what the machine gets of the host, in the order of its numbers</summary>
    internal IReadOnlyList<Share> Shares { get; init; } = [];

    /// <summary>sockets of the host that are forwarded, in the order of their numbers</summary>
    internal IReadOnlyList<ForwardedSocket> Sockets { get; init; } = [];

    internal required Hardware Hardware { get; init; }

    /// <summary>the machine takes part in a network namespace that is not its own</summary>
    internal bool SharesAddresses { get; init; }

    /// <summary>what it may use of the host</summary>
    internal required SandboxLimits Limits { get; init; }

    /// <summary>what of that the host can limit</summary>
    internal required HostCgroups Cgroups { get; init; }

    /// <summary>oom_score_adj on the host; null: as the engine says</summary>
    internal int? OomScore { get; init; }

    /// <summary>files that one of its processes may have open</summary>
    internal required long OpenFiles { get; init; }
}
