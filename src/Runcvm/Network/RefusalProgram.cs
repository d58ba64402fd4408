using Runcvm.Egress;
using Runcvm.Linux.Bpf;
using static Runcvm.Egress.FrameStack;
using static Runcvm.Linux.Bpf.Register;

namespace Runcvm.Network;

/// <summary>Stands behind <see cref="JoinedFilter"/>, drops what that does not let out, and tells the socket in the
/// namespace: nothing waits.</summary>
internal sealed class RefusalProgram : AnsweringProgram
{
    /// <summary>SO_MARK of what it answers, which the kernel keeps within a namespace: no frame of the guest has
    /// one.</summary>
    internal const uint Mark = 0x5243_564D;

    private readonly int _transport, _answer;

    private RefusalProgram() => (_transport, _answer) = (P.Label(), P.Label());

    /// <inheritdoc/>
    protected override int Way => 1;

    /// <inheritdoc/>
    protected override uint MarkOfAnswers => Mark;

    internal static KernelProgram Build()
    {
        var program = new RefusalProgram();
        program.Write();
        return program.P;
    }

    private void Write()
    {
        ReadEthernet(p => p.Jump(Drop));
        ReadIPv4(FlowOwn, FlowOther);
        P.Jump(_transport);
        ReadIPv6(FlowOwn, FlowOther);
        P.Place(_transport);
        // Of what was for many there is nobody who could answer.
        P.Load(Width.Byte, R2, Stack, Ethernet);
        P.JumpIf(R2, Condition.AnyBit, 1, Drop);
        int tcp = P.Label(), udp = P.Label(), ping4 = P.Label(), ping6 = P.Label();
        foreach ((int protocol, int label) in new[] { (Tcp, tcp), (Udp, udp), (Icmp, ping4), (IcmpV6, ping6) })
            P.JumpIf(R7, Condition.Equal, protocol, label);
        P.Jump(Drop);

        P.Place(tcp);
        ReadTransport(TcpSize);
        P.Jump(_answer);
        WritePing(ping4, request: 8);
        WritePing(ping6, request: 128);
        P.Place(udp);
        ReadTransport(ShortSize);
        P.Place(_answer);
        WriteAnswers();
        P.Place(Drop);
        P.Place(Pass);
        P.Exit(DropVerdict);
    }

    private void WritePing(int label, int request)
    {
        P.Place(label);
        ReadTransport(ShortSize);
        P.Load(Width.Byte, R2, Stack, Transport);
        P.JumpIf(R2, Condition.Equal, request, _answer);
        P.Jump(Drop);
    }
}
