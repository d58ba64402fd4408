using Runcvm.Linux.Bpf;
using static Runcvm.Egress.FrameStack;
using static Runcvm.Linux.Bpf.Register;

namespace Runcvm.Egress;

/// <summary>Looks at each frame that comes out of a machine, behind <see cref="Network.SourceFilter"/>, and lets it go
/// on if it belongs to a flow that somebody was allowed to begin, or if the policy allows it. All else is dropped or
/// refused.</summary>
internal sealed partial class EgressProgram : AnsweringProgram
{
    internal const uint HashFactor = 0x9E3779B1;
    internal const int HashShift = 15;

    // struct __sk_buff of linux/bpf.h
    private const int HasVlanTag = 20;

    private const int TypeArp = 0x0608;
    private const int Neighbours = 255;

    // Whoever is silent for longer must be allowed anew: a day for TCP, three minutes for others. Counted in 2^30 ns.
    private const int UnitBits = 30;
    private const int MostSilenceOfTcp = 80466;
    private const int MostSilence = 168;

    private readonly EgressMaps _maps;
    private readonly FrameLayout _layout;
    private readonly int _transport, _known, _policy, _begin, _refuse, _answer, _ping4, _ping6;

    private EgressProgram(EgressMaps maps, FrameLayout layout)
    {
        (_maps, _layout) = (maps, layout);
        (_transport, _known, _policy, _begin, _refuse) = (P.Label(), P.Label(), P.Label(), P.Label(), P.Label());
        (_answer, _ping4, _ping6) = (P.Label(), P.Label(), P.Label());
    }

    internal static KernelProgram Build(EgressMaps maps, FrameLayout layout)
    {
        var program = new EgressProgram(maps, layout);
        program.Write();
        return program.P;
    }

    private void Write()
    {
        // Of ARP the filters before this one have decided.
        ReadEthernet(p =>
        {
            p.JumpIf(R2, Condition.Equal, TypeArp, Pass);
            p.Jump(Drop);
        });
        ReadIPv4(FlowOwn, FlowOther);
        CheckIPv4();
        P.Jump(_transport);
        ReadIPv6(FlowOwn, FlowOther);
        WriteNeighbours();
        CheckIPv6();
        P.Place(_transport);
        WriteTransport();
        WriteKnown();
        WritePolicy();
        WritePins();
        P.Place(_begin);
        Count(EgressMaps.FlowsAllowed);
        if (_maps.Reached is { } reached) Note(reached, reason: 0);
        AddFlow(_maps, byMachine: true);
        P.Jump(Pass);
        P.Place(_refuse);
        Count(EgressMaps.PacketsRefused);
        Note(_maps.Refusals, reason: 0);
        WriteAnswers();
        P.Place(Drop);
        for (int i = 0; i < RefusalSize; i += 8) P.Store(Width.Double, Stack, Refusal + i, 0);
        KeepTime();
        P.Store(Width.Word, Stack, RefusalReason, 1);
        Count(EgressMaps.FramesDropped);
        NoteKey(_maps.Refusals);
        P.Exit(DropVerdict);
        P.Place(Pass);
        P.Exit(PassVerdict);
    }

    private void CheckIPv4()
    {
        P.Load(Width.Word, R2, Stack, HeaderV4 + 12);
        P.JumpIf(R2, Condition.Equal, 0, Drop);
        // To nobody, to itself, to many.
        P.Load(Width.Byte, R2, Stack, HeaderV4 + 16);
        P.JumpIf(R2, Condition.Equal, 0, Drop);
        P.JumpIf(R2, Condition.Equal, 127, Drop);
        P.JumpIf(R2, Condition.GreaterOrEqual, 224, Drop);
        CheckReceiver();
    }

    // The first half is 0 in ::, ::1, and in addresses of IPv4 in disguise.
    private void CheckIPv6()
    {
        P.Load(Width.Double, R2, Stack, FlowOther);
        P.JumpIf(R2, Condition.Equal, 0, Drop);
        P.Load(Width.Byte, R2, Stack, FlowOther);
        P.JumpIf(R2, Condition.Equal, 0xFF, Drop);
        P.Load(Width.Double, R2, Stack, FlowOwn);
        P.JumpIf(R2, Condition.Equal, 0, Drop);
        CheckReceiver();
    }

    // A packet to one address in a frame to many would be for every neighbour to read.
    private void CheckReceiver()
    {
        P.Load(Width.Byte, R2, Stack, Ethernet);
        P.JumpIf(R2, Condition.AnyBit, 1, Drop);
    }

    // RFC 4861: router solicitation 133, neighbour solicitation 135 and advertisement 136. The filter before this one
    // knows the interface's prefixes, and has seen to whom they go.
    private void WriteNeighbours()
    {
        int other = P.Label(), neighbour = P.Label();
        P.JumpIf(R7, Condition.NotEqual, IcmpV6, other);
        ReadTransport(ShortSize);
        P.Load(Width.Byte, R2, Stack, Transport);
        foreach (int type in new[] { 133, 135, 136 }) P.JumpIf(R2, Condition.Equal, type, neighbour);
        P.Jump(other);
        P.Place(neighbour);
        P.Load(Width.Byte, R2, Stack, HeaderV6 + 7);
        P.JumpIf(R2, Condition.NotEqual, Neighbours, Drop);
        P.Load(Width.Byte, R2, Stack, Transport + 1);
        P.JumpIf(R2, Condition.NotEqual, 0, Drop);
        CheckChecksum(null);
        P.Jump(Pass);
        P.Place(other);
    }

    private void WriteTransport()
    {
        int tcp = P.Label(), udp = P.Label();
        P.Load(Width.Word, R2, R6, HasVlanTag);
        P.JumpIf(R2, Condition.NotEqual, 0, Drop);
        foreach ((int protocol, int label) in new[] { (Tcp, tcp), (Udp, udp), (Icmp, _ping4), (IcmpV6, _ping6) })
            P.JumpIf(R7, Condition.Equal, protocol, label);
        P.Jump(Drop);

        P.Place(tcp);
        ReadTransport(TcpSize);
        KeepPorts(FlowOwnPort, FlowOtherPort);
        CheckChecksum(16);
        KeepTime();
        // What begins a connection is decided each time.
        JumpIfBeginning(_policy);
        P.Jump(_known);

        P.Place(udp);
        ReadTransport(ShortSize);
        KeepPorts(FlowOwnPort, FlowOtherPort);
        CheckChecksum(6);
        KeepTime();
        P.Jump(_known);

        WritePing(_ping4, request: 8, reply: 0);
        WritePing(_ping6, request: 128, reply: 129);
    }

    private void WritePing(int label, int request, int reply)
    {
        P.Place(label);
        ReadTransport(ShortSize);
        P.Load(Width.Half, R2, Stack, Transport);
        P.Load(Width.Byte, R9, Stack, Transport);
        // Of both the code is 0.
        P.JumpIf(R2, Condition.Greater, byte.MaxValue, Drop);
        KeepPingNumber();
        int kind = P.Label();
        P.JumpIf(R9, Condition.Equal, request, kind);
        P.JumpIf(R9, Condition.NotEqual, reply, Drop);
        P.Place(kind);
        P.Store(Width.Word, Stack, Number, R9);
        CheckChecksum(null);
        KeepTime();
        P.Load(Width.Word, R2, Stack, Number);
        P.JumpIf(R2, Condition.Equal, request, _policy);
        P.Jump(_answer);
    }

    /// <summary>A checksum that is still missing is written by who sends the frame on: two bytes, at a place that the
    /// machine says. They could be an address's or a port's, after this program has read it.</summary>
    /// <param name="expected">where the checksum belongs in the transport's header; null where it must be there
    /// already</param>
    private void CheckChecksum(int? expected)
    {
        int complete = P.Label();
        P.Copy(R1, R6);
        P.CallOwn(_layout.Cast);
        P.Load(Width.Byte, R2, R0, _layout.Summed / 8);
        P.Compute(Arithmetic.ShiftRight, R2, _layout.Summed % 8);
        P.Compute(Arithmetic.And, R2, 3);
        P.JumpIf(R2, Condition.NotEqual, FrameLayout.Partial, complete);
        if (expected is { } offset)
        {
            P.Load(Width.Double, R3, R0, _layout.Head);
            P.Load(Width.Double, R4, R0, _layout.Data);
            P.Compute(Arithmetic.Subtract, R4, R3);
            P.Load(Width.Half, R3, R0, _layout.ChecksumStart);
            P.Compute(Arithmetic.Subtract, R3, R4);
            P.JumpIf(R3, Condition.NotEqual, R8, Drop);
            P.Load(Width.Half, R3, R0, _layout.ChecksumOffset);
            P.JumpIf(R3, Condition.NotEqual, offset, Drop);
        }
        else
        {
            P.Jump(Drop);
        }

        P.Place(complete);
    }

    private void WriteKnown()
    {
        int found = P.Label(), other = P.Label(), alive = P.Label();
        P.Place(_answer);
        FindFlow(_maps);
        P.JumpIf(R0, Condition.NotEqual, 0, found);
        P.Jump(_refuse);
        P.Place(_known);
        FindFlow(_maps);
        P.JumpIf(R0, Condition.Equal, 0, _policy);
        P.Place(found);
        P.Load(Width.Double, R2, R0, 8);
        P.JumpIf(R2, Condition.Equal, EndedByChange, _policy);
        P.Load(Width.Double, R2, R0);
        P.Load(Width.Double, R3, Stack, Now);
        P.Compute(Arithmetic.Subtract, R3, R2);
        P.Compute(Arithmetic.ShiftRight, R3, UnitBits);
        P.Load(Width.Word, R4, Stack, FlowProtocol);
        P.JumpIf(R4, Condition.NotEqual, Tcp, other);
        P.JumpIf(R3, Condition.Greater, MostSilenceOfTcp, _policy);
        P.Jump(alive);
        P.Place(other);
        P.JumpIf(R3, Condition.Greater, MostSilence, _policy);
        P.Place(alive);
        P.Load(Width.Double, R3, Stack, Now);
        P.Store(Width.Double, R0, 0, R3);
        P.Jump(Pass);
    }

    private void WritePolicy()
    {
        int pins = P.Label(), notDenied = P.Label();
        P.Place(_policy);
        P.Store(Width.Word, Stack, PrefixKey, AddressPrefix.Bits);
        for (int i = 0; i < 16; i += 4)
        {
            P.Load(Width.Word, R2, Stack, FlowOther + i);
            P.Store(Width.Word, Stack, Target + i, R2);
        }

        P.Set(R1, _maps.Prefixes);
        P.AddressOf(R2, PrefixKey);
        P.Call(KernelFunction.MapLookup);
        P.JumpIf(R0, Condition.Equal, 0, pins);
        P.Load(Width.Word, R7, R0);
        P.Load(Width.Word, R8, R0, 4);
        TestSet(R8, _refuse, notDenied);
        P.Place(notDenied);
        TestSet(R7, _begin, pins);
        P.Place(pins);
    }

    private void WritePins()
    {
        P.Store(Width.Word, Stack, Number, 0);
        P.Set(R1, _maps.Pins);
        P.AddressOf(R2, Number);
        P.Call(KernelFunction.MapLookup);
        P.JumpIf(R0, Condition.Equal, 0, _refuse);
        P.Copy(R7, R0);
        Hash();
        P.Set(R8, 0);
        int next = P.Here();
        P.JumpIf(R8, Condition.GreaterOrEqual, PinTable.Neighbours, _refuse);
        P.Copy(R3, R9);
        P.Compute(Arithmetic.Add, R3, R8);
        P.Compute(Arithmetic.And, R3, PinTable.Slots - 1);
        P.Compute(Arithmetic.Multiply, R3, PinTable.SlotSize);
        P.Copy(R2, R7);
        P.Compute(Arithmetic.Add, R2, R3);
        P.Compute(Arithmetic.Add, R8, 1);
        P.Load(Width.Double, R3, R2, PinTable.ExpiryOffset);
        P.Load(Width.Double, R4, Stack, Now);
        P.JumpIf(R4, Condition.GreaterOrEqual, R3, next);
        // An address that depends on what was read: no processor reads the rest earlier than the time.
        P.Copy(R5, R3);
        P.Compute(Arithmetic.And, R5, 0);
        P.Compute(Arithmetic.Add, R2, R5);
        for (int i = 0; i < 16; i += 8)
        {
            P.Load(Width.Double, R4, R2, i);
            P.Load(Width.Double, R5, Stack, FlowOther + i);
            P.JumpIf(R4, Condition.NotEqual, R5, next);
        }

        P.Load(Width.Word, R4, R2, PinTable.SetOffset);
        // It is being written.
        P.Load(Width.Double, R5, R2, PinTable.ExpiryOffset);
        P.JumpIf(R5, Condition.NotEqual, R3, next);
        TestSet(R4, _begin, next);
    }

    private void Hash()
    {
        P.Set(R9, 0);
        for (int i = 0; i < 16; i += 4)
        {
            P.Load(Width.Word, R2, Stack, Target + i);
            P.ComputeShort(Arithmetic.Xor, R9, R2);
            P.ComputeShort(Arithmetic.Multiply, R9, unchecked((int)HashFactor));
        }

        P.Copy(R2, R9);
        P.ComputeShort(Arithmetic.ShiftRight, R2, HashShift);
        P.ComputeShort(Arithmetic.Xor, R9, R2);
        P.Compute(Arithmetic.And, R9, PinTable.Slots - 1);
    }

    /// <summary>Jumps by whether the flow's port is in the set whose number is in a register.</summary>
    private void TestSet(Register set, int isIn, int isNot)
    {
        int ports = P.Label(), test = P.Label(), ping = P.Label();
        P.Store(Width.Word, Stack, Number, set);
        P.Set(R1, _maps.Ports);
        P.AddressOf(R2, Number);
        P.Call(KernelFunction.MapLookup);
        P.JumpIf(R0, Condition.Equal, 0, isNot);
        P.Load(Width.Word, R3, Stack, FlowProtocol);
        P.Load(Width.Half, R4, Stack, FlowOtherPort);
        P.SwapOrder(R4, 16);
        P.Compute(Arithmetic.And, R4, ushort.MaxValue);
        P.Copy(R5, R4);
        P.Compute(Arithmetic.ShiftRight, R5, 3);
        P.JumpIf(R3, Condition.Equal, Tcp, test);
        P.JumpIf(R3, Condition.Equal, Udp, ports);
        P.Jump(ping);
        P.Place(ports);
        P.Compute(Arithmetic.Add, R5, EgressPorts.BitmapOfProtocol);
        P.Place(test);
        P.Compute(Arithmetic.Add, R0, R5);
        P.Load(Width.Byte, R5, R0);
        P.Compute(Arithmetic.And, R4, 7);
        P.Compute(Arithmetic.ShiftRight, R5, R4);
        P.JumpIf(R5, Condition.AnyBit, 1, isIn);
        P.Jump(isNot);
        P.Place(ping);
        P.Load(Width.Byte, R5, R0, 2 * EgressPorts.BitmapOfProtocol);
        P.JumpIf(R5, Condition.AnyBit, 1, isIn);
        P.Jump(isNot);
    }
}
