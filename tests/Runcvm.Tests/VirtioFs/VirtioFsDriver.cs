using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse;
using Runcvm.Fuse.Wire;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mappings;
using Runcvm.VirtioFs;

namespace Runcvm.Tests.VirtioFs;

/// <summary>A guest with a virtio-fs driver and its hypervisor in one: guest memory in a memfd, two rings, and a real
/// file server on the other side.</summary>
internal sealed class VirtioFsDriver : IDisposable
{
    internal const ulong Guest = 0x1_0000_0000;
    internal const ulong Hypervisor = 0x7f00_0000_0000;
    internal const int Size = 8 * 1024 * 1024;
    internal const uint Requests = 1;

    // Each ring has these places of its own; entries of the requests lie behind.
    private const int Entries = 16;
    private const int RingRoom = 0x4000;
    private const int Available = 0x1000;
    private const int Used = 0x2000;
    private const int RequestAt = 0x10_0000;
    private const int ReplyAt = 0x40_0000;
    private const int SlotRoom = 0x4_0000;
    private const ushort Next = 1, Write = 2;

    private readonly SafeFileHandle _file = SharedMapping.NewFile("guest", Size);
    private readonly SafeFileHandle[] _kicks = [FileDescriptor.Event(), FileDescriptor.Event()];
    private readonly SafeFileHandle[] _calls = [FileDescriptor.Event(), FileDescriptor.Event()];
    private readonly ushort[] _seen = new ushort[RingServer.Rings];
    private readonly FileServer _files;
    private ulong _unique;

    internal VirtioFsDriver(string root)
    {
        Memory = SharedMapping.Of(_file, 0, Size);
        _files = new FileServer(
            [new SharedRoot(root, ReadOnly: false)], CachePolicy.Auto, new NodeLimit(1000),
            answer => Server!.AnswerLater(answer.Span));
        Server = new RingServer(_files, e => Failure.TrySetResult(e))
        {
            LockWait = (unique, thread) => LockWaits.Add((unique, thread)),
        };
        Server.Start();
        Hypervisors = new VhostUserFrontEnd(Server);
    }

    internal SharedMapping Memory { get; }

    internal RingServer Server { get; }

    internal FileServer Files => _files;

    /// <summary>The talk about the device.</summary>
    internal VhostUserFrontEnd Hypervisors { get; }

    /// <summary>Why the rings are served no more.</summary>
    internal TaskCompletionSource<Exception> Failure { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal BlockingCollection<(ulong Unique, uint Thread)> LockWaits { get; } = [];

    /// <summary>Tells of the memory and both rings, as QEMU does when the guest's driver starts.</summary>
    internal VirtioFsDriver Begin(bool eventIndexes = true)
    {
        ulong features = Hypervisors.Ask(VhostRequest.GetFeatures);
        Assert.NotEqual(0UL, features & 1UL << 29);
        Hypervisors.Send(VhostRequest.SetFeatures, eventIndexes ? features : features & ~(1UL << 29));
        TellMemory();
        for (uint ring = 0; ring < RingServer.Rings; ring++) TellRing(ring, first: 0);
        return this;
    }

    internal void TellMemory()
        => Hypervisors.Acknowledged(VhostRequest.SetMemTable, Region(Guest, Size, Hypervisor, 0), _file);

    internal void TellRing(uint ring, ushort first)
    {
        ulong start = Hypervisor + (ulong)(ring * RingRoom);
        Hypervisors.Acknowledged(VhostRequest.SetVringNum, ring, Entries);
        Hypervisors.Acknowledged(VhostRequest.SetVringBase, ring, first);
        Hypervisors.Acknowledged(
            VhostRequest.SetVringAddr, VhostUserFrontEnd.Bytes(ring, start, start + Used, start + Available, 0));
        Hypervisors.Acknowledged(VhostRequest.SetVringCall, VhostUserFrontEnd.Bytes(ring), _calls[ring]);
        Hypervisors.Acknowledged(VhostRequest.SetVringKick, VhostUserFrontEnd.Bytes(ring), _kicks[ring]);
        Hypervisors.Acknowledged(VhostRequest.SetVringEnable, ring, 1);
    }

    /// <summary>One region of struct vhost_user_memory, with the count in front.</summary>
    internal static byte[] Region(ulong guest, ulong length, ulong hypervisor, ulong offset)
        => [.. VhostUserFrontEnd.Bytes(1, guest, length, hypervisor, offset)];

    /// <summary>Sends one request through the ring and waits for its answer.</summary>
    /// <returns>the error, and the answer without its header</returns>
    internal (int Error, byte[] Body) Ask<T>(
        Opcode opcode, ulong node, in T arguments, ReadOnlySpan<byte> more = default)
        where T : unmanaged
    {
        int slot = Offer(opcode, node, arguments, more);
        Await(Requests);
        return Answer(slot);
    }

    internal (int Error, byte[] Body) Ask(Opcode opcode, ulong node, ReadOnlySpan<byte> name)
        => Ask(opcode, node, default(NoArguments), [.. name, 0]);

    /// <summary>Puts a request into the ring and tells the device.</summary>
    /// <returns>where its answer will be</returns>
    internal int Offer<T>(Opcode opcode, ulong node, in T arguments, ReadOnlySpan<byte> more = default, uint thread = 1)
        where T : unmanaged
    {
        T copy = arguments;
        ReadOnlySpan<byte> structure = typeof(T) == typeof(NoArguments)
            ? []
            : MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref copy));
        var header = new RequestHeader(
            (uint)(RequestHeader.Size + structure.Length + more.Length), opcode, ++_unique, node, 0, 0, thread, 0, 0);
        byte[] request = [.. MemoryMarshal.AsBytes(new ReadOnlySpan<RequestHeader>(ref header)), .. structure, .. more];
        int slot = (int)(_unique % (Entries / 4));
        int place = RequestAt + (slot * SlotRoom);
        request.CopyTo(Memory.Part(place, request.Length));
        // Header and body in entries of their own, as the kernel's driver does it, and the answer in two.
        Describe(Requests, slot * 4, Guest + (ulong)place, RequestHeader.Size, Next, slot * 4 + 1);
        Describe(
            Requests, slot * 4 + 1, Guest + (ulong)place + RequestHeader.Size,
            (uint)(request.Length - RequestHeader.Size), Next, slot * 4 + 2);
        ulong answer = Guest + (ulong)(ReplyAt + (slot * SlotRoom));
        Describe(Requests, slot * 4 + 2, answer, ReplyHeader.Size, Next | Write, slot * 4 + 3);
        Describe(Requests, slot * 4 + 3, answer + ReplyHeader.Size, SlotRoom - ReplyHeader.Size, Write, 0);
        Offer(Requests, (ushort)(slot * 4));
        return slot;
    }

    internal ulong LastUnique => _unique;

    internal void Describe(uint ring, int index, ulong address, uint length, ushort flags, int next)
    {
        Span<byte> entry = Memory.Part((ring * RingRoom) + (index * 16), 16);
        BinaryPrimitives.WriteUInt64LittleEndian(entry, address);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[12..], flags);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[14..], (ushort)next);
    }

    /// <summary>Offers a chain, and kicks.</summary>
    internal void Offer(uint ring, ushort head)
    {
        int start = ((int)ring * RingRoom) + Available;
        ushort index = BinaryPrimitives.ReadUInt16LittleEndian(Memory.Part(start + 2, 2));
        BinaryPrimitives.WriteUInt16LittleEndian(Memory.Part(start + 4 + (index % Entries * 2), 2), head);
        // The device must see the entry before the index: what is written here is not put in another order.
        Interlocked.MemoryBarrier();
        BinaryPrimitives.WriteUInt16LittleEndian(Memory.Part(start + 2, 2), (ushort)(index + 1));
        Kick(ring);
    }

    internal void Kick(uint ring) => FileDescriptor.WriteAll(_kicks[ring], [1, 0, 0, 0, 0, 0, 0, 0]);

    /// <summary>Waits for one more used entry, by the interrupt that tells of it.</summary>
    internal void Await(uint ring)
    {
        var call = new WaitingFile(_calls[ring]);
        byte[] count = new byte[sizeof(ulong)];
        while (UsedIndex(ring) == _seen[ring])
        {
            // An interrupt is wanted after the very next answer, which may have come meanwhile.
            int wanted = ((int)ring * RingRoom) + Available + 4 + (Entries * 2);
            BinaryPrimitives.WriteUInt16LittleEndian(Memory.Part(wanted, 2), _seen[ring]);
            Interlocked.MemoryBarrier();
            if (UsedIndex(ring) == _seen[ring]) call.Read(count);
        }

        _seen[ring]++;
    }

    internal ushort UsedIndex(uint ring)
        => BinaryPrimitives.ReadUInt16LittleEndian(Memory.Part((ring * RingRoom) + Used + 2, 2));

    internal (int Error, byte[] Body) Answer(int slot)
    {
        ReadOnlySpan<byte> answer = Memory.Part(ReplyAt + (slot * SlotRoom), SlotRoom);
        ReplyHeader header = MemoryMarshal.Read<ReplyHeader>(answer);
        return (header.Error, answer[ReplyHeader.Size..(int)header.Len].ToArray());
    }

    public void Dispose()
    {
        // Stops the rings, so that no thread touches the files any more.
        // After a failure the machine ends, and a ring that never gets its request back cannot be stopped.
        if (Hypervisors.IsServed && !Failure.Task.IsCompleted)
        {
            for (uint ring = 0; ring < RingServer.Rings; ring++) Hypervisors.Ask(VhostRequest.GetVringBase, ring);
            Hypervisors.End();
        }

        Hypervisors.Dispose();
        _files.Dispose();
        _file.Dispose();
    }

    internal readonly record struct NoArguments;
}
