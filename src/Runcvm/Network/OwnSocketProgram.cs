using Runcvm.Egress;
using Runcvm.Linux.Bpf;
using Runcvm.Protocol;
using static Runcvm.Egress.FrameStack;
using static Runcvm.Linux.Bpf.Register;

namespace Runcvm.Network;

/// <summary>Looks at what arrives for the container, and keeps in the namespace what belongs to a socket there: answers
/// to its nameserver, and to containers that joined it. All else is the guest's. Only ports are looked at that the
/// namespace takes for itself, so that no socket there takes what is for another port of the guest.</summary>
internal sealed class OwnSocketProgram : FrameProgram
{
    /// <summary>SO_PRIORITY of the relay's sockets, which are for those inside the namespace. No type of service of IP
    /// becomes this one, and whoever else takes it is not reached from outside.</summary>
    internal const int RelayPriority = 5;

    private const int KeepVerdict = 0;

    // struct bpf_sock_tuple of linux/bpf.h: sender, receiver, their ports.
    private const int Tuple = Flow;
    private const int TupleSizeV4 = 12;
    private const int TupleSizeV6 = 36;
    private const int PortsV4 = Tuple + 8;
    private const int PortsV6 = Tuple + 32;

    // struct bpf_sock
    private const int Priority = 20;

    private const int FragmentHeader = 44;
    private const int FragmentHeaderSize = 8;
    private const int FirstByte = NamespacePorts.First >> 8;

    // As they stand in a frame, read by a machine that is little-endian: 0x1FFF, 0xFFF8.
    private const int OffsetBitsV4 = 0xFF1F;
    private const int OffsetBitsV6 = 0xF8FF;

    private readonly int _lookup;

    private OwnSocketProgram() => _lookup = P.Label();

    internal static KernelProgram Build()
    {
        var program = new OwnSocketProgram();
        program.Write();
        return program.P;
    }

    private void Write()
    {
        ReadEthernet(p => p.Jump(Pass));
        WriteIPv4();
        WriteIPv6();
        P.Place(_lookup);
        WriteLookup();
        P.Place(Drop);
        P.Place(Pass);
        P.Exit(PassVerdict);
    }

    // Options of IP are the stack's affair, and ports stand in the first fragment only.
    private void WriteIPv4()
    {
        P.Place(Read4);
        P.Set(R2, EthernetSize);
        LoadBytes(HeaderV4, HeaderSizeV4);
        P.Load(Width.Half, R2, Stack, HeaderV4 + 6);
        P.JumpIf(R2, Condition.AnyBit, OffsetBitsV4, Pass);
        P.Load(Width.Byte, R8, Stack, HeaderV4);
        P.Copy(R2, R8);
        P.Compute(Arithmetic.ShiftRight, R2, 4);
        P.JumpIf(R2, Condition.NotEqual, 4, Pass);
        P.Compute(Arithmetic.And, R8, 0x0F);
        P.Compute(Arithmetic.ShiftLeft, R8, 2);
        P.JumpIf(R8, Condition.Less, HeaderSizeV4, Pass);
        P.Compute(Arithmetic.Add, R8, EthernetSize);
        for (int i = 0; i < 8; i += 4)
        {
            P.Load(Width.Word, R2, Stack, HeaderV4 + 12 + i);
            P.Store(Width.Word, Stack, Tuple + i, R2);
        }

        P.Load(Width.Byte, R7, Stack, HeaderV4 + 9);
        ReadPorts(PortsV4, TupleSizeV4);
        P.Jump(_lookup);
    }

    private void WriteIPv6()
    {
        int whole = P.Label();
        P.Place(Read6);
        P.Set(R2, EthernetSize);
        LoadBytes(HeaderV6, HeaderSizeV6);
        P.Load(Width.Byte, R2, Stack, HeaderV6);
        P.Compute(Arithmetic.ShiftRight, R2, 4);
        P.JumpIf(R2, Condition.NotEqual, 6, Pass);
        for (int i = 0; i < 32; i += 8)
        {
            P.Load(Width.Double, R2, Stack, HeaderV6 + 8 + i);
            P.Store(Width.Double, Stack, Tuple + i, R2);
        }

        P.Load(Width.Byte, R7, Stack, HeaderV6 + 6);
        P.Set(R8, EthernetSize + HeaderSizeV6);
        P.JumpIf(R7, Condition.NotEqual, FragmentHeader, whole);
        ReadTransport(FragmentHeaderSize);
        P.Load(Width.Half, R2, Stack, Transport + 2);
        P.JumpIf(R2, Condition.AnyBit, OffsetBitsV6, Pass);
        P.Load(Width.Byte, R7, Stack, Transport);
        P.Compute(Arithmetic.Add, R8, FragmentHeaderSize);
        P.Place(whole);
        ReadPorts(PortsV6, TupleSizeV6);
    }

    // R9 becomes the length of the tuple.
    private void ReadPorts(int to, int size)
    {
        int known = P.Label();
        P.JumpIf(R7, Condition.Equal, Tcp, known);
        P.JumpIf(R7, Condition.NotEqual, Udp, Pass);
        P.Place(known);
        ReadTransport(sizeof(int));
        P.Load(Width.Byte, R2, Stack, Transport + 2);
        P.JumpIf(R2, Condition.Less, FirstByte, Pass);
        P.Load(Width.Word, R2, Stack, Transport);
        P.Store(Width.Word, Stack, to, R2);
        P.Set(R9, size);
    }

    private void WriteLookup()
    {
        int udp = P.Label(), release = P.Label();
        P.JumpIf(R7, Condition.Equal, Udp, udp);
        Look(KernelFunction.LookupTcp);
        P.Copy(R1, R7);
        P.Call(KernelFunction.FullSocket);
        // One that has ended, or is not there yet, is none of the relay's: nobody outside has got that far with it.
        P.Set(R8, 0);
        P.JumpIf(R0, Condition.Equal, 0, release);
        P.Load(Width.Word, R8, R0, Priority);
        P.Jump(release);

        P.Place(udp);
        Look(KernelFunction.LookupUdp);
        P.Load(Width.Word, R8, R7, Priority);

        P.Place(release);
        P.Copy(R1, R7);
        P.Call(KernelFunction.SocketRelease);
        P.JumpIf(R8, Condition.Equal, RelayPriority, Pass);
        P.Exit(KeepVerdict);
    }

    // R7 becomes the socket.
    private void Look(KernelFunction where)
    {
        const int CurrentNamespace = -1;
        P.Copy(R1, R6);
        P.AddressOf(R2, Tuple);
        P.Copy(R3, R9);
        P.Set(R4, CurrentNamespace);
        P.Set(R5, 0);
        P.Call(where);
        P.JumpIf(R0, Condition.Equal, 0, Pass);
        P.Copy(R7, R0);
    }
}
