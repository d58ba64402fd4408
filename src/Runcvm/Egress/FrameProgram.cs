using Runcvm.Linux.Bpf;
using static Runcvm.Egress.FrameStack;
using static Runcvm.Linux.Bpf.Register;

namespace Runcvm.Egress;

/// <summary>What the programs of a policy have in common: how a frame is read. R6 is the frame, R8 where the
/// transport's header begins. Only headers without options are read, and no fragments: what else there may be hides
/// ports.</summary>
internal abstract class FrameProgram
{
    protected const int PassVerdict = -1;
    protected const int DropVerdict = 2;

    protected const int Icmp = 1;
    protected const int Tcp = EgressPorts.Tcp;
    protected const int Udp = EgressPorts.Udp;
    protected const int IcmpV6 = 58;

    protected const int EthernetSize = 14;
    protected const int HeaderSizeV4 = 20;
    protected const int HeaderSizeV6 = 40;
    protected const int TcpSize = 20;
    protected const int ShortSize = 8;

    // As they stand in a frame, read by a machine that is little-endian.
    private const int TypeIPv4 = 0x0008;
    private const int TypeIPv6 = 0xDD86;
    private const int FragmentBits = 0xFF3F;
    private const int SynAndAck = 0x12;
    private const int OnlySyn = 0x02;
    private const int FlagsOfTcp = Transport + 13;

    protected FrameProgram()
    {
        (Pass, Drop, Read4, Read6) = (P.Label(), P.Label(), P.Label(), P.Label());
    }

    /// <summary>The program so far.</summary>
    internal KernelProgram P { get; } = new();

    /// <summary>The next filter decides.</summary>
    protected int Pass { get; }

    /// <summary>Where a frame goes that is none of those that can be read.</summary>
    protected int Drop { get; }

    protected int Read4 { get; }

    protected int Read6 { get; }

    /// <summary>Begins: reads the Ethernet header and goes to <see cref="Read4"/> or <see cref="Read6"/>.</summary>
    /// <param name="other">for other kinds of frames; R2 is the kind</param>
    protected void ReadEthernet(Action<KernelProgram> other)
    {
        P.Copy(R6, R1);
        P.Set(R2, 0);
        LoadBytes(Ethernet, EthernetSize);
        P.Load(Width.Half, R2, Stack, EthernetType);
        P.JumpIf(R2, Condition.Equal, TypeIPv4, Read4);
        P.JumpIf(R2, Condition.Equal, TypeIPv6, Read6);
        other(P);
    }

    /// <summary>Reads a header of IPv4; R7 becomes the protocol.</summary>
    /// <param name="source">where on the stack its sender's address shall be, in 16 bytes</param>
    /// <param name="destination">and its receiver's</param>
    protected void ReadIPv4(int source, int destination)
    {
        P.Place(Read4);
        P.Set(R2, EthernetSize);
        LoadBytes(HeaderV4, HeaderSizeV4);
        P.Load(Width.Byte, R2, Stack, HeaderV4);
        P.JumpIf(R2, Condition.NotEqual, 0x45, Drop);
        P.Load(Width.Half, R2, Stack, HeaderV4 + 6);
        P.JumpIf(R2, Condition.AnyBit, FragmentBits, Drop);
        foreach ((int from, int to) in new[] { (HeaderV4 + 12, source), (HeaderV4 + 16, destination) })
        {
            P.Store(Width.Double, Stack, to, 0);
            P.Store(Width.Word, Stack, to + 8, unchecked((int)0xFFFF0000));
            P.Load(Width.Word, R2, Stack, from);
            P.Store(Width.Word, Stack, to + 12, R2);
        }

        P.Load(Width.Byte, R7, Stack, HeaderV4 + 9);
        P.Set(R8, EthernetSize + HeaderSizeV4);
        KeepProtocol();
    }

    /// <summary>Reads a header of IPv6; R7 becomes what follows it.</summary>
    /// <param name="source">where on the stack its sender's address shall be</param>
    /// <param name="destination">and its receiver's</param>
    protected void ReadIPv6(int source, int destination)
    {
        P.Place(Read6);
        P.Set(R2, EthernetSize);
        LoadBytes(HeaderV6, HeaderSizeV6);
        P.Load(Width.Byte, R2, Stack, HeaderV6);
        P.Compute(Arithmetic.ShiftRight, R2, 4);
        P.JumpIf(R2, Condition.NotEqual, 6, Drop);
        foreach ((int from, int to) in new[] { (HeaderV6 + 8, source), (HeaderV6 + 24, destination) })
        {
            for (int i = 0; i < 16; i += 8)
            {
                P.Load(Width.Double, R2, Stack, from + i);
                P.Store(Width.Double, Stack, to + i, R2);
            }
        }

        P.Load(Width.Byte, R7, Stack, HeaderV6 + 6);
        P.Set(R8, EthernetSize + HeaderSizeV6);
        KeepProtocol();
    }

    /// <summary>Reads the transport's header.</summary>
    protected void ReadTransport(int length)
    {
        P.Copy(R2, R8);
        LoadBytes(Transport, length);
    }

    /// <summary>Keeps the ports of TCP or UDP for the flow.</summary>
    /// <param name="first">where the sender's shall be</param>
    /// <param name="second">and the receiver's</param>
    protected void KeepPorts(int first, int second)
    {
        P.Load(Width.Half, R2, Stack, Transport);
        P.Store(Width.Half, Stack, first, R2);
        P.Load(Width.Half, R2, Stack, Transport + 2);
        P.Store(Width.Half, Stack, second, R2);
    }

    /// <summary>Of pings, a flow's own port is their number.</summary>
    protected void KeepPingNumber()
    {
        P.Load(Width.Half, R2, Stack, Transport + 4);
        P.Store(Width.Half, Stack, FlowOwnPort, R2);
        P.Store(Width.Half, Stack, FlowOtherPort, 0);
    }

    /// <summary>Jumps if the segment is the first one of a connection.</summary>
    protected void JumpIfBeginning(int label)
    {
        P.Load(Width.Byte, R2, Stack, FlagsOfTcp);
        P.Compute(Arithmetic.And, R2, SynAndAck);
        P.JumpIf(R2, Condition.Equal, OnlySyn, label);
    }

    /// <summary>Looks at the clock, once.</summary>
    protected void KeepTime()
    {
        P.Call(KernelFunction.Nanoseconds);
        P.Store(Width.Double, Stack, Now, R0);
    }

    /// <summary>R0 becomes the flow's value, or 0.</summary>
    protected void FindFlow(EgressMaps maps)
    {
        P.Set(R1, maps.Flows);
        P.AddressOf(R2, Flow);
        P.Call(KernelFunction.MapLookup);
    }

    /// <summary>The flow is known from here on.</summary>
    protected void AddFlow(EgressMaps maps, bool byMachine)
    {
        P.Load(Width.Double, R2, Stack, Now);
        P.Store(Width.Double, Stack, FlowValue, R2);
        P.Store(Width.Double, Stack, FlowValue + 8, byMachine ? BegunByMachine : BegunByOthers);
        P.Set(R1, maps.Flows);
        P.AddressOf(R2, Flow);
        P.AddressOf(R3, FlowValue);
        P.Set(R4, 0);
        P.Call(KernelFunction.MapUpdate);
    }

    // From R2 on, to the stack. A frame that is too short is none.
    protected void LoadBytes(int to, int length)
    {
        P.Copy(R1, R6);
        P.AddressOf(R3, to);
        P.Set(R4, length);
        P.Call(KernelFunction.LoadBytes);
        P.JumpIf(R0, Condition.NotEqual, 0, Drop);
    }

    private void KeepProtocol()
    {
        P.Store(Width.Word, Stack, FlowProtocol, R7);
        P.Store(Width.Word, Stack, TransportOffset, R8);
    }
}
