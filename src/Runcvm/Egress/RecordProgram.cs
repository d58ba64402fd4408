using Runcvm.Linux.Bpf;
using static Runcvm.Egress.FrameStack;
using static Runcvm.Linux.Bpf.Register;

namespace Runcvm.Egress;

/// <summary>Looks at frames on their way to the machine, and changes none: it remembers who has begun to talk to the
/// machine, so that the machine's answers pass.</summary>
internal sealed class RecordProgram : FrameProgram
{
    private readonly EgressMaps _maps;
    private readonly int _transport, _remember;

    private RecordProgram(EgressMaps maps)
    {
        _maps = maps;
        (_transport, _remember) = (P.Label(), P.Label());
    }

    internal static KernelProgram Build(EgressMaps maps)
    {
        var program = new RecordProgram(maps);
        program.Write();
        return program.P;
    }

    private void Write()
    {
        ReadEthernet(p => p.Jump(Pass));
        ReadIPv4(FlowOther, FlowOwn);
        P.Jump(_transport);
        ReadIPv6(FlowOther, FlowOwn);
        P.Place(_transport);
        int tcp = P.Label(), udp = P.Label(), ping4 = P.Label(), ping6 = P.Label();
        foreach ((int protocol, int label) in new[] { (Tcp, tcp), (Udp, udp), (Icmp, ping4), (IcmpV6, ping6) })
            P.JumpIf(R7, Condition.Equal, protocol, label);
        P.Jump(Pass);

        P.Place(tcp);
        ReadTransport(TcpSize);
        KeepPorts(FlowOtherPort, FlowOwnPort);
        JumpIfBeginning(_remember);
        P.Jump(Pass);

        P.Place(udp);
        ReadTransport(ShortSize);
        KeepPorts(FlowOtherPort, FlowOwnPort);
        P.Jump(_remember);

        WritePing(ping4, request: 8);
        WritePing(ping6, request: 128);
        WriteRemember();
        P.Place(Drop);
        P.Place(Pass);
        P.Exit(PassVerdict);
    }

    private void WritePing(int label, int request)
    {
        P.Place(label);
        ReadTransport(ShortSize);
        P.Load(Width.Byte, R2, Stack, Transport);
        P.JumpIf(R2, Condition.NotEqual, request, Pass);
        KeepPingNumber();
        P.Jump(_remember);
    }

    private void WriteRemember()
    {
        int known = P.Label();
        P.Place(_remember);
        KeepTime();
        FindFlow(_maps);
        P.JumpIf(R0, Condition.NotEqual, 0, known);
        AddFlow(_maps, byMachine: false);
        P.Jump(Pass);
        P.Place(known);
        P.Load(Width.Double, R2, R0, 8);
        P.JumpIf(R2, Condition.Equal, EndedByChange, Pass);
        P.Load(Width.Double, R2, Stack, Now);
        P.Store(Width.Double, R0, 0, R2);
    }
}
