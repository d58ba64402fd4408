using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Sockets;

/// <summary>Gives what arrives at one address and port of a network namespace to sockets that are bound to another port, so that the port
/// stays free: Documentation/bpf/prog_sk_lookup.rst of the kernel, which has it since 5.9. What a socket of UDP answers has its
/// own port as the source; see <see cref="InternetSocket.SendFrom"/>.</summary>
public sealed unsafe class SocketLookup : IDisposable
{
    private const int Stream = 0;
    private const int Datagram = 1;
    private const int InstructionSize = 8;

    // The instruction set: Documentation/bpf/standardization/instruction-set.rst.
    private const byte CopyRegister = 0xBF;
    private const byte SetWord = 0xB4;
    private const byte LoadWordAt = 0x61;
    private const byte StoreWord = 0x63;
    private const byte LoadPointer = 0x18;
    private const byte Advance = 0x07;
    private const byte JumpIfEqual = 0x15;
    private const byte JumpUnlessEqual = 0x55;
    private const byte JumpIfOther = 0x5D;
    private const byte CallFunction = 0x85;
    private const byte Exit = 0x95;

    private readonly SafeFileHandle _link;

    private SocketLookup(SafeFileHandle link) => _link = link;

    /// <summary>Begins, in the namespace of the calling thread.</summary>
    /// <param name="end">where it arrives</param>
    /// <param name="stream">takes connections</param>
    /// <param name="datagrams">takes datagrams</param>
    /// <exception cref="LinuxException">the kernel is too old or built without it, or this process may not (CAP_BPF, CAP_NET_ADMIN)</exception>
    public static SocketLookup Begin(IPv4End end, SafeFileHandle stream, SafeFileHandle datagrams)
    {
        using SafeFileHandle map = MakeMap();
        Put(map, Stream, stream);
        Put(map, Datagram, datagrams);
        using SafeFileHandle program = Load(Program(end, (int)map.DangerousGetHandle()));
        using SafeFileHandle ns = FileDescriptor.Open("/proc/thread-self/ns/net", OpenFlags.ReadOnly);
        var link = new LinkCreate { prog_fd = Number(program), target_fd = Number(ns), attach_type = Libc.BPF_SK_LOOKUP };
        return new SocketLookup(Call(Libc.BPF_LINK_CREATE, &link, sizeof(LinkCreate), "attach a socket lookup"));
    }

    /// <summary>Ends it.</summary>
    public void Dispose() => _link.Dispose();

    private static SafeFileHandle MakeMap()
    {
        var create = new MapCreate { map_type = Libc.BPF_MAP_TYPE_SOCKMAP, key_size = 4, value_size = 8, max_entries = 2 };
        return Call(Libc.BPF_MAP_CREATE, &create, sizeof(MapCreate), "make a map of sockets");
    }

    private static void Put(SafeFileHandle map, int key, SafeFileHandle socket)
    {
        ulong value = Number(socket);
        var element = new MapElement { map_fd = Number(map), key = (ulong)&key, value = (ulong)&value };
        SystemCall.Check(
            Libc.syscall(SystemCallNumber.Here.bpf, Libc.BPF_MAP_UPDATE_ELEM, (nint)(&element), sizeof(MapElement)), $"put a socket into a map");
    }

    private static SafeFileHandle Load(byte[] program)
    {
        fixed (byte* instructions = program)
        fixed (byte* license = "Dual MIT/GPL\0"u8)
        {
            var load = new ProgramLoad
            {
                prog_type = Libc.BPF_PROG_TYPE_SK_LOOKUP,
                insn_cnt = (uint)(program.Length / InstructionSize),
                insns = (ulong)instructions,
                license = (ulong)license,
                expected_attach_type = Libc.BPF_SK_LOOKUP,
            };
            return Call(Libc.BPF_PROG_LOAD, &load, sizeof(ProgramLoad), "load a socket lookup");
        }
    }

    // In words: what is not for this end goes on as if this program were not there, and so does what finds no socket.
    // struct bpf_sk_lookup: protocol at 12, local address at 40 as it is on the network, local port at 60 as a number.
    private static byte[] Program(IPv4End end, int map)
    {
        const int ProtocolAt = 12, AddressAt = 40, PortAt = 60, Tcp = 6, Udp = 17, Key = -4, Pass = 25;
        var text = new List<byte[]>();
        Copy(to: 6, from: 1);
        LoadWord(to: 2, PortAt);
        JumpUnless(2, end.Port, Pass);
        LoadWord(to: 2, AddressAt);
        Add(SetWord, to: 3, value: (int)BinaryPrimitives.ReverseEndianness(end.Address));
        Add(JumpIfOther, to: 2, from: 3, offset: Distance(Pass));
        Add(SetWord, to: 4, value: Stream);
        LoadWord(to: 2, ProtocolAt);
        Add(JumpIfEqual, to: 2, value: Tcp, offset: 2);
        JumpUnless(2, Udp, Pass);
        Add(SetWord, to: 4, value: Datagram);
        Add(StoreWord, to: 10, from: 4, offset: Key);
        Add(LoadPointer, to: 1, from: Libc.BPF_PSEUDO_MAP_FD, value: map);
        Add(0);
        Copy(to: 2, from: 10);
        Add(Advance, to: 2, value: Key);
        Add(CallFunction, value: Libc.BPF_FUNC_map_lookup_elem);
        Add(JumpIfEqual, to: 0, value: 0, offset: Distance(Pass));
        Copy(to: 7, from: 0);
        Copy(to: 1, from: 6);
        Copy(to: 2, from: 0);
        Add(SetWord, to: 3);
        Add(CallFunction, value: Libc.BPF_FUNC_sk_assign);
        Copy(to: 1, from: 7);
        Add(CallFunction, value: Libc.BPF_FUNC_sk_release);
        Add(SetWord, to: 0, value: 1);
        Add(Exit);
        return [.. text.SelectMany(static instruction => instruction)];

        void Copy(int to, int from) => Add(CopyRegister, to, from);
        void LoadWord(int to, short at) => Add(LoadWordAt, to, from: 6, offset: at);
        void JumpUnless(int register, int value, int target) => Add(JumpUnlessEqual, register, offset: Distance(target), value: value);
        short Distance(int target) => (short)(target - text.Count - 1);

        void Add(byte code, int to = 0, int from = 0, short offset = 0, int value = 0)
        {
            byte[] instruction = [code, (byte)(to | (from << 4)), 0, 0, 0, 0, 0, 0];
            BinaryPrimitives.WriteInt16LittleEndian(instruction.AsSpan(2), offset);
            BinaryPrimitives.WriteInt32LittleEndian(instruction.AsSpan(4), value);
            text.Add(instruction);
        }
    }

    private static SafeFileHandle Call(int command, void* arguments, int size, string what)
    {
        nint result = Libc.syscall(SystemCallNumber.Here.bpf, command, (nint)arguments, size);
        SystemCall.Check(result, $"{what}");
        return new SafeFileHandle(result, ownsHandle: true);
    }

    private static uint Number(SafeFileHandle file) => (uint)file.DangerousGetHandle();

    // Members of union bpf_attr of linux/bpf.h, each up to the last field that is used here. The kernel takes any length, and 0 for the rest.
    [StructLayout(LayoutKind.Sequential)]
    private struct MapCreate
    {
        internal uint map_type, key_size, value_size, max_entries;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct MapElement
    {
        internal uint map_fd, padding;
        internal ulong key, value, flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ProgramLoad
    {
        internal uint prog_type, insn_cnt;
        internal ulong insns, license;
        internal uint log_level, log_size;
        internal ulong log_buf;
        internal uint kern_version, prog_flags;
        internal ulong prog_name_low, prog_name_high;
        internal uint prog_ifindex, expected_attach_type;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct LinkCreate
    {
        internal uint prog_fd, target_fd, attach_type, flags;
    }
}
