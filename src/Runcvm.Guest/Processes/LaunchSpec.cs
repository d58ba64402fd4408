using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Processes;

/// <summary>What the boot process tells `runcvm-init spawn` through a file in memory.</summary>
/// <param name="Mounts">what to do about the mount namespace</param>
/// <param name="AsChild">start the program as a child in the workload's PID namespace and end; else become it</param>
/// <param name="Held">wait for a word of the boot process before the program is started</param>
/// <param name="ReadOnlyRoot">make the root read-only in it</param>
/// <param name="Reap">stay in front of the program as a small init</param>
/// <param name="Process">what to execute</param>
internal sealed record LaunchSpec(MountAction Mounts, bool AsChild, bool Held, bool ReadOnlyRoot, bool Reap, ProcessSpec Process)
    : IWireValue<LaunchSpec>
{
    /// <summary>make this container of a pod, and say that the process is ready before it waits; its process is
    /// <see cref="Process"/></summary>
    internal ContainerSetup? Container { get; init; }

    /// <summary>what it is filtered by, as <see cref="ContainerSetup.Filter"/></summary>
    internal byte[] Filter { get; init; } = [];

    /// <summary>number of the container</summary>
    internal uint ContainerNumber { get; init; }

    /// <summary>become the first process of a pod, in no root</summary>
    internal bool IsPodInit { get; init; }

    public void Write(WireWriter w)
    {
        w.Byte((byte)Mounts);
        w.Flag(AsChild);
        w.Flag(Held);
        w.Flag(ReadOnlyRoot);
        w.Flag(Reap);
        Process.Write(w);
        w.Flag(IsPodInit);
        w.UInt32(ContainerNumber);
        w.Flag(Container != null);
        Container?.Write(w);
        w.Bytes(Filter);
    }

    public static LaunchSpec Read(ref WireReader r)
        => new((MountAction)r.Byte(), r.Flag(), r.Flag(), r.Flag(), r.Flag(), ProcessSpec.Read(ref r))
        {
            IsPodInit = r.Flag(),
            ContainerNumber = r.UInt32(),
            Container = r.Flag() ? ContainerSetup.Read(ref r) : null,
            Filter = r.Bytes(),
        };
}

/// <summary>What a new process does about its mount namespace.</summary>
internal enum MountAction : byte
{
    /// <summary>makes the workload's</summary>
    Make,

    /// <summary>enters the workload's</summary>
    Enter,

    /// <summary>is in it already</summary>
    Keep,
}
