using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>What makes a container of a pod in the guest.</summary>
public sealed record ContainerSetup : IWireValue<ContainerSetup>
{
    /// <summary>from 1 on: the share that is its root</summary>
    public required uint RootShare { get; init; }

    /// <summary>the root is read-only</summary>
    public bool ReadOnlyRoot { get; init; }

    /// <summary>file systems to mount, in this order; beside them it has /proc, and /dev with the nodes of every
    /// container</summary>
    public IReadOnlyList<GuestMount> Mounts { get; init; } = [];

    /// <summary>absolute paths that it does not see: under an empty folder or the null device</summary>
    public IReadOnlyList<string> MaskedPaths { get; init; } = [];

    /// <summary>absolute paths that it cannot write to</summary>
    public IReadOnlyList<string> ReadOnlyPaths { get; init; } = [];

    /// <summary>its processes are in the pod's PID namespace; else in one of its own</summary>
    public bool SharesProcesses { get; init; }

    /// <summary>number of the container in whose PID namespace they are; 0 is none</summary>
    public uint ProcessesOf { get; init; }

    /// <summary>it sees and uses all devices of the machine</summary>
    public bool HasDevices { get; init; }

    /// <summary>what it may use</summary>
    public ContainerLimits Limits { get; init; } = new();

    /// <summary>the instructions of its filter on system calls, as seccomp(2) takes them; empty is none</summary>
    public byte[] Filter { get; init; } = [];

    /// <summary>its first process</summary>
    public required ProcessSpec Process { get; init; }

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(RootShare);
        w.Flag(ReadOnlyRoot);
        w.List(Mounts, static (w, mount) => mount.Write(w));
        w.Texts(MaskedPaths);
        w.Texts(ReadOnlyPaths);
        w.Flag(SharesProcesses);
        w.UInt32(ProcessesOf);
        w.Flag(HasDevices);
        Limits.Write(w);
        w.Bytes(Filter);
        Process.Write(w);
    }

    /// <inheritdoc/>
    public static ContainerSetup Read(ref WireReader r) => new()
    {
        RootShare = r.UInt32(),
        ReadOnlyRoot = r.Flag(),
        Mounts = r.List(GuestMount.Read),
        MaskedPaths = r.Texts(),
        ReadOnlyPaths = r.Texts(),
        SharesProcesses = r.Flag(),
        ProcessesOf = r.UInt32(),
        HasDevices = r.Flag(),
        Limits = ContainerLimits.Read(ref r),
        Filter = r.Bytes(),
        Process = ProcessSpec.Read(ref r),
    };
}
