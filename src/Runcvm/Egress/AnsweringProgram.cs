using Runcvm.Linux.Bpf;
using static Runcvm.Egress.FrameStack;
using static Runcvm.Linux.Bpf.Register;

namespace Runcvm.Egress;

/// <summary>A program that says what it refuses, so that nothing waits: a reset of TCP, or that the way is
/// "administratively prohibited" (RFC 1812, 5.2.7.1; RFC 4443, 3.1). It seems to come from where the frame was
/// going.</summary>
internal abstract class AnsweringProgram : FrameProgram
{
    // struct __sk_buff of linux/bpf.h
    private const int MarkOfFrame = 8;
    private const int InterfaceNumber = 40;
    private const int SegmentSize = 176;

    // The header of IP is aligned to 8 so.
    private const int Frame = Answer + 2;
    private const int Ip = Frame + EthernetSize;
    private const int AfterV4 = Ip + HeaderSizeV4;
    private const int AfterV6 = Ip + HeaderSizeV6;

    private const int FlagReset = 0x04;
    private const int FlagAck = 0x10;
    private const int Hops = 64;

    // Of the refused frame, an error holds the header of IP and 8 bytes.
    private const int ErrorSize = 8;

    /// <summary>Where an answer goes: 0 sends it out over the frame's interface, 1 (BPF_F_INGRESS) has it come in
    /// there.</summary>
    protected virtual int Way => 0;

    /// <summary>What marks them for the filters on their way; 0 leaves the mark as it is.</summary>
    protected virtual uint MarkOfAnswers => 0;

    /// <summary>Answers what was read, and drops it: the frame's headers and the beginning of its transport are on the
    /// stack.</summary>
    protected void WriteAnswers()
    {
        int reset = P.Label(), silent = P.Label(), v6 = P.Label();
        // One of many segments: the first one was told already.
        P.Load(Width.Word, R2, R6, SegmentSize);
        P.JumpIf(R2, Condition.NotEqual, 0, silent);
        for (int i = 0; i < 6; i += 2)
        {
            P.Load(Width.Half, R2, Stack, Ethernet + 6 + i);
            P.Store(Width.Half, Stack, Frame + i, R2);
            P.Load(Width.Half, R2, Stack, Ethernet + i);
            P.Store(Width.Half, Stack, Frame + 6 + i, R2);
        }

        P.Load(Width.Half, R2, Stack, EthernetType);
        P.Store(Width.Half, Stack, Frame + 12, R2);
        P.Load(Width.Word, R8, Stack, TransportOffset);
        P.Load(Width.Word, R2, Stack, FlowProtocol);
        P.JumpIf(R2, Condition.Equal, Tcp, reset);
        P.JumpIf(R8, Condition.NotEqual, EthernetSize + HeaderSizeV4, v6);
        WriteErrorV4();
        P.Place(v6);
        WriteErrorV6();
        P.Place(reset);
        WriteReset(silent);
        P.Place(silent);
        P.Exit(DropVerdict);
    }

    private void WriteReset(int silent)
    {
        int v6 = P.Label();
        P.Load(Width.Byte, R2, Stack, Transport + 13);
        P.JumpIf(R2, Condition.AnyBit, FlagReset, silent);
        P.JumpIf(R8, Condition.NotEqual, EthernetSize + HeaderSizeV4, v6);
        WriteHeaderV4(Tcp, TcpSize);
        WriteSegment(AfterV4);
        PseudoSum(Ip + 12, 8, Tcp, TcpSize);
        WriteSum(AfterV4, TcpSize, 16);
        Send(EthernetSize + HeaderSizeV4 + TcpSize);

        P.Place(v6);
        WriteHeaderV6(Tcp, TcpSize);
        WriteSegment(AfterV6);
        PseudoSum(Ip + 8, 32, Tcp, TcpSize);
        WriteSum(AfterV6, TcpSize, 16);
        Send(EthernetSize + HeaderSizeV6 + TcpSize);
    }

    // RFC 9293, 3.5.2: it begins where the segment expects it; one that expects nothing is acknowledged.
    private void WriteSegment(int at)
    {
        int expects = P.Label(), end = P.Label();
        P.Load(Width.Half, R2, Stack, Transport + 2);
        P.Store(Width.Half, Stack, at, R2);
        P.Load(Width.Half, R2, Stack, Transport);
        P.Store(Width.Half, Stack, at + 2, R2);
        P.Store(Width.Byte, Stack, at + 12, TcpSize / 4 << 4);
        P.Store(Width.Half, Stack, at + 14, 0);
        P.Store(Width.Word, Stack, at + 16, 0);
        P.Load(Width.Byte, R2, Stack, Transport + 13);
        P.JumpIf(R2, Condition.AnyBit, FlagAck, expects);
        P.Store(Width.Word, Stack, at + 4, 0);
        P.Load(Width.Word, R2, Stack, Transport + 4);
        P.SwapOrder(R2, 32);
        P.ComputeShort(Arithmetic.Add, R2, 1);
        P.SwapOrder(R2, 32);
        P.Store(Width.Word, Stack, at + 8, R2);
        P.Store(Width.Byte, Stack, at + 13, FlagReset | FlagAck);
        P.Jump(end);
        P.Place(expects);
        P.Load(Width.Word, R2, Stack, Transport + 8);
        P.Store(Width.Word, Stack, at + 4, R2);
        P.Store(Width.Word, Stack, at + 8, 0);
        P.Store(Width.Byte, Stack, at + 13, FlagReset);
        P.Place(end);
    }

    private void WriteErrorV4()
    {
        const int Quoted = HeaderSizeV4 + 8, Length = ErrorSize + Quoted;
        const byte Unreachable = 3, Prohibited = 13;
        WriteHeaderV4(Icmp, Length);
        WriteError(AfterV4, Unreachable, Prohibited, Quoted);
        P.Set(R5, 0);
        WriteSum(AfterV4, Length, 2);
        Send(EthernetSize + HeaderSizeV4 + Length);
    }

    private void WriteErrorV6()
    {
        const int Quoted = HeaderSizeV6 + 8, Length = ErrorSize + Quoted;
        const byte Unreachable = 1, Prohibited = 1;
        WriteHeaderV6(IcmpV6, Length);
        WriteError(AfterV6, Unreachable, Prohibited, Quoted);
        PseudoSum(Ip + 8, 32, IcmpV6, Length);
        WriteSum(AfterV6, Length, 2);
        Send(EthernetSize + HeaderSizeV6 + Length);
    }

    private void WriteError(int at, int type, int code, int quoted)
    {
        P.Store(Width.Half, Stack, at, type | (code << 8));
        P.Store(Width.Half, Stack, at + 2, 0);
        P.Store(Width.Word, Stack, at + 4, 0);
        P.Set(R2, EthernetSize);
        LoadBytes(at + ErrorSize, quoted);
    }

    private void WriteHeaderV4(int protocol, int length)
    {
        P.Store(Width.Half, Stack, Ip, 0x45);
        P.Store(Width.Half, Stack, Ip + 2, Network(HeaderSizeV4 + length));
        P.Store(Width.Word, Stack, Ip + 4, 0);
        P.Store(Width.Half, Stack, Ip + 8, Hops | (protocol << 8));
        P.Store(Width.Half, Stack, Ip + 10, 0);
        P.Load(Width.Word, R2, Stack, HeaderV4 + 16);
        P.Store(Width.Word, Stack, Ip + 12, R2);
        P.Load(Width.Word, R2, Stack, HeaderV4 + 12);
        P.Store(Width.Word, Stack, Ip + 16, R2);
        P.Set(R5, 0);
        WriteSum(Ip, HeaderSizeV4, 10);
    }

    private void WriteHeaderV6(int protocol, int length)
    {
        P.Store(Width.Word, Stack, Ip, 0x60);
        P.Store(Width.Word, Stack, Ip + 4, Network(length) | (protocol << 16) | (Hops << 24));
        for (int i = 0; i < 16; i += 8)
        {
            P.Load(Width.Double, R2, Stack, FlowOther + i);
            P.Store(Width.Double, Stack, Ip + 8 + i, R2);
            P.Load(Width.Double, R2, Stack, FlowOwn + i);
            P.Store(Width.Double, Stack, Ip + 24 + i, R2);
        }
    }

    /// <summary>R5 becomes what a checksum begins with: the sum of addresses, length and protocol.</summary>
    private void PseudoSum(int addresses, int size, int protocol, int length)
    {
        P.Set(R5, Network(length) + Network(protocol));
        Sum(addresses, size);
        P.Copy(R5, R0);
    }

    /// <summary>Writes the checksum of a header, in which it is 0 so far.</summary>
    /// <param name="at">the header</param>
    /// <param name="size">bytes, in fours</param>
    /// <param name="offset">where in the header it belongs</param>
    private void WriteSum(int at, int size, int offset)
    {
        Sum(at, size);
        for (int i = 0; i < 2; i++)
        {
            P.Copy(R2, R0);
            P.Compute(Arithmetic.ShiftRight, R2, 16);
            P.Compute(Arithmetic.And, R0, ushort.MaxValue);
            P.Compute(Arithmetic.Add, R0, R2);
        }

        P.Compute(Arithmetic.Xor, R0, ushort.MaxValue);
        P.Store(Width.Half, Stack, at + offset, R0);
    }

    // R0 becomes the sum of that and of what is in R5.
    private void Sum(int at, int size)
    {
        P.Set(R1, 0);
        P.Set(R2, 0);
        P.AddressOf(R3, at);
        P.Set(R4, size);
        P.Call(KernelFunction.ChecksumDifference);
        // The result is signed, and all 32 bits of it are a sum.
        P.ComputeShort(Arithmetic.And, R0, -1);
    }

    /// <summary>Puts the answer in the place of the frame, and sends it back to where that came from.</summary>
    private void Send(int length)
    {
        int failed = P.Label();
        P.Copy(R1, R6);
        P.Set(R2, length);
        P.Set(R3, 0);
        P.Call(KernelFunction.ChangeTail);
        P.JumpIf(R0, Condition.NotEqual, 0, failed);
        P.Copy(R1, R6);
        P.Set(R2, 0);
        P.AddressOf(R3, Frame);
        P.Set(R4, length);
        P.Set(R5, 0);
        P.Call(KernelFunction.StoreBytes);
        P.JumpIf(R0, Condition.NotEqual, 0, failed);
        if (MarkOfAnswers != 0)
        {
            P.Set(R2, (int)MarkOfAnswers);
            P.Store(Width.Word, R6, MarkOfFrame, R2);
        }

        P.Load(Width.Word, R1, R6, InterfaceNumber);
        P.Set(R2, Way);
        P.Call(KernelFunction.Redirect);
        P.Exit();
        P.Place(failed);
        P.Exit(DropVerdict);
    }

    private static int Network(int number) => ((number & 0xFF) << 8) | ((number >> 8) & 0xFF);
}
