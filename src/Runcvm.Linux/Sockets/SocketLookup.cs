using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Bpf;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;
using static Runcvm.Linux.Bpf.Register;

namespace Runcvm.Linux.Sockets;

/// <summary>Gives what arrives at one address and port of a network namespace to sockets that are bound to another port, so that the port
/// stays free: Documentation/bpf/prog_sk_lookup.rst of the kernel, which has it since 5.9. What a socket of UDP answers has its
/// own port as the source; see <see cref="InternetSocket.SendFrom"/>.</summary>
public sealed class SocketLookup : IDisposable
{
    private const string Name = "socket_lookup";

    // Keys of the map.
    private const int Stream = 0;
    private const int Datagram = 1;

    private readonly SafeFileHandle _link;

    private SocketLookup(SafeFileHandle link) => _link = link;

    /// <summary>Begins, in the namespace of the calling thread.</summary>
    /// <param name="end">where it arrives</param>
    /// <param name="stream">takes connections</param>
    /// <param name="datagrams">takes datagrams</param>
    /// <exception cref="LinuxException">the kernel is too old or built without it, or this process may not (CAP_BPF, CAP_NET_ADMIN)</exception>
    public static SocketLookup Begin(IPv4End end, SafeFileHandle stream, SafeFileHandle datagrams)
    {
        using KernelMap map = KernelMap.OfSockets(2, Name);
        Put(map, Stream, stream);
        Put(map, Datagram, datagrams);
        byte[] text = Program(end, map).ToBytes();
        using SafeFileHandle program = BpfCall.Load(text, Libc.BPF_PROG_TYPE_SK_LOOKUP, Libc.BPF_SK_LOOKUP, Name);
        using SafeFileHandle ns = FileDescriptor.Open("/proc/thread-self/ns/net", OpenFlags.ReadOnly);
        return new SocketLookup(BpfCall.Attach(program, ns, Libc.BPF_SK_LOOKUP, "attach a socket lookup"));
    }

    /// <summary>Ends it.</summary>
    public void Dispose() => _link.Dispose();

    private static void Put(KernelMap map, int key, SafeFileHandle socket)
    {
        long value = socket.DangerousGetHandle();
        map.Put(
            MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in key)), MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in value)));
    }

    // In words: what is not for this end goes on as if this program were not there, and so does what finds no socket.
    // struct bpf_sk_lookup: protocol at 12, local address at 40 as it is on the network, local port at 60 as a number.
    private static KernelProgram Program(IPv4End end, KernelMap map)
    {
        const int ProtocolAt = 12, AddressAt = 40, PortAt = 60, Tcp = 6, Udp = 17, Key = -4;
        var p = new KernelProgram();
        int pass = p.Label(), chosen = p.Label();
        p.Copy(R6, R1);
        p.Load(Width.Word, R2, R6, PortAt);
        p.JumpIf(R2, Condition.NotEqual, end.Port, pass);
        p.Load(Width.Word, R2, R6, AddressAt);
        p.JumpIfShort(R2, Condition.NotEqual, (int)BinaryPrimitives.ReverseEndianness(end.Address), pass);
        p.Set(R4, Stream);
        p.Load(Width.Word, R2, R6, ProtocolAt);
        p.JumpIf(R2, Condition.Equal, Tcp, chosen);
        p.JumpIf(R2, Condition.NotEqual, Udp, pass);
        p.Set(R4, Datagram);
        p.Place(chosen);
        p.Store(Width.Word, Stack, Key, R4);
        p.Set(R1, map);
        p.AddressOf(R2, Key);
        p.Call(KernelFunction.MapLookup);
        p.JumpIf(R0, Condition.Equal, 0, pass);
        p.Copy(R7, R0);
        p.Copy(R1, R6);
        p.Copy(R2, R0);
        p.Set(R3, 0);
        p.Call(KernelFunction.SocketAssign);
        p.Copy(R1, R7);
        p.Call(KernelFunction.SocketRelease);
        p.Place(pass);
        p.Exit(1);
        return p;
    }
}
