using Runcvm.Protocol.Wire;

namespace Runcvm.Machines;

/// <summary>What a machine is made of. The options decide it, the description carries it, the sandbox makes room for
/// it, and a hypervisor builds it: all of them have this one record, so that a new property passes through by
/// itself.</summary>
internal sealed record Hardware : IWireValue<Hardware>
{
    /// <summary>KVM, always so with Firecracker; else QEMU's TCG. Default: where KVM is real.</summary>
    internal bool UseKvm { get; init; }

    /// <summary>vCPUs. Default: the container's limit; without one the host's CPUs, at most 2.</summary>
    internal int Cpus { get; init; }

    /// <summary>Guest RAM in bytes, whole mebibytes. Default: the container's limit; without one 512 MiB, 1 GiB with
    /// systemd.</summary>
    internal long MemoryBytes { get; init; }

    /// <summary>A device by which the host asks for memory back. Default: true.</summary>
    internal bool Balloon { get; init; }

    /// <summary>What it has asked back when the machine starts, in mebibytes. Default: 0.</summary>
    internal int BalloonMebibytes { get; init; }

    /// <summary>Guest RAM is huge pages of 2 MiB. Default: false.</summary>
    internal bool HugePages { get; init; }

    /// <summary>Guest RAM is taken from the host before the start. Default: false.</summary>
    internal bool PreallocateMemory { get; init; }

    /// <summary>The host's kernel carries the machine's packets. Default: false.</summary>
    internal bool VhostNet { get; init; }

    internal long MemoryMebibytes => MemoryBytes / (1024 * 1024);

    public void Write(WireWriter w)
    {
        w.Flag(UseKvm);
        w.Int32(Cpus);
        w.Int64(MemoryBytes);
        w.Flag(Balloon);
        w.Int32(BalloonMebibytes);
        w.Flag(HugePages);
        w.Flag(PreallocateMemory);
        w.Flag(VhostNet);
    }

    public static Hardware Read(ref WireReader r) => new()
    {
        UseKvm = r.Flag(),
        Cpus = r.Int32(),
        MemoryBytes = r.Int64(),
        Balloon = r.Flag(),
        BalloonMebibytes = r.Int32(),
        HugePages = r.Flag(),
        PreallocateMemory = r.Flag(),
        VhostNet = r.Flag(),
    };
}
