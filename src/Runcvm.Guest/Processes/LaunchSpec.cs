using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Processes;

/// <summary>What the boot process tells `runcvm-init spawn` through a file in memory.</summary>
/// <param name="IsWorkload">make the workload's mount namespace; else enter it</param>
/// <param name="ReadOnlyRoot">make the root read-only in it</param>
/// <param name="Reap">stay in front of the program as a small init</param>
/// <param name="Process">what to execute</param>
internal sealed record LaunchSpec(bool IsWorkload, bool ReadOnlyRoot, bool Reap, ProcessSpec Process)
{
    internal void Write(WireWriter w)
    {
        w.Flag(IsWorkload);
        w.Flag(ReadOnlyRoot);
        w.Flag(Reap);
        Process.Write(w);
    }

    internal static LaunchSpec Read(ref WireReader r) => new(r.Flag(), r.Flag(), r.Flag(), ProcessSpec.Read(ref r));
}
