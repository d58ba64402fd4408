using Runcvm.Protocol.Wire;

namespace Runcvm.Sandbox;

/// <summary>How a machine ended, as its supervisor left it for `delete`, which alone can tell the host. The sandbox wrote it, so
/// it is for people only.</summary>
/// <param name="Code">the container's exit code</param>
/// <param name="StartMilliseconds">from the beginning of the sandbox to the begin of the workload; -1 when it never began</param>
/// <param name="Failure">why the machine failed; empty when it did not</param>
internal sealed record MachineOutcome(int Code, int StartMilliseconds, string Failure) : IWireValue<MachineOutcome>
{
    public void Write(WireWriter w)
    {
        w.Int32(Code);
        w.Int32(StartMilliseconds);
        w.Text(Failure);
    }

    public static MachineOutcome Read(ref WireReader r) => new(r.Int32(), r.Int32(), r.Text());
}
