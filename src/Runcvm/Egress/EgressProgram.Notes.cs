using Runcvm.Linux.Bpf;
using static Runcvm.Egress.FrameStack;
using static Runcvm.Linux.Bpf.Register;

namespace Runcvm.Egress;

/// <summary>What the program leaves for people to see: where the machine was refused or let pass, and how
/// often.</summary>
internal sealed partial class EgressProgram
{
    private void Note(KernelMap map, int reason)
    {
        for (int i = 0; i < 16; i += 8)
        {
            P.Load(Width.Double, R2, Stack, FlowOther + i);
            P.Store(Width.Double, Stack, Refusal + i, R2);
        }

        P.Load(Width.Half, R2, Stack, FlowOtherPort);
        P.Store(Width.Half, Stack, RefusalPort, R2);
        P.Load(Width.Word, R2, Stack, FlowProtocol);
        P.Store(Width.Half, Stack, RefusalProtocol, R2);
        P.Store(Width.Word, Stack, RefusalReason, reason);
        NoteKey(map);
    }

    private void NoteKey(KernelMap map)
    {
        int known = P.Label(), done = P.Label();
        P.Set(R1, map);
        P.AddressOf(R2, Refusal);
        P.Call(KernelFunction.MapLookup);
        P.JumpIf(R0, Condition.NotEqual, 0, known);
        P.Store(Width.Double, Stack, RefusalValue, 1);
        P.Load(Width.Double, R2, Stack, Now);
        P.Store(Width.Double, Stack, RefusalValue + 8, R2);
        P.Set(R1, map);
        P.AddressOf(R2, Refusal);
        P.AddressOf(R3, RefusalValue);
        P.Set(R4, 0);
        P.Call(KernelFunction.MapUpdate);
        P.Jump(done);
        P.Place(known);
        P.Set(R2, 1);
        P.AddAtomically(R0, 0, R2);
        P.Load(Width.Double, R2, Stack, Now);
        P.Store(Width.Double, R0, 8, R2);
        P.Place(done);
    }

    private void Count(int what)
    {
        int done = P.Label();
        P.Store(Width.Word, Stack, Number, what);
        P.Set(R1, _maps.Counters);
        P.AddressOf(R2, Number);
        P.Call(KernelFunction.MapLookup);
        P.JumpIf(R0, Condition.Equal, 0, done);
        P.Set(R2, 1);
        P.AddAtomically(R0, 0, R2);
        P.Place(done);
    }
}
