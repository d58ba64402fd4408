using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mappings;
using Runcvm.Linux.Sockets;

namespace Runcvm.VirtioFs;

/// <summary>The talk with QEMU about the device: what both can do, where the guest's memory and the rings are. QEMU is
/// believed no more than the guest, which may have taken it over.</summary>
internal sealed class VhostUserDevice(SafeFileHandle socket, RingServer server)
{
    private const int HeaderSize = 12;
    private const int MostRegions = 8;
    private const int RegionSize = 32;
    private const int MostBody = 8 + (MostRegions * RegionSize);
    private const uint Version = 1;
    private const uint IsReply = 4;
    private const uint WantsReply = 8;

    // A guest that starts its driver anew is told of anew, with the same memory.
    private const int MostMappings = 64;

    private const ulong RingIndirect = 1UL << 28; // VIRTIO_F_INDIRECT_DESC
    private const ulong RingEventIndexes = 1UL << 29; // VIRTIO_F_EVENT_IDX
    private const ulong HasProtocolFeatures = 1UL << 30; // VHOST_USER_F_PROTOCOL_FEATURES
    private const ulong IsModern = 1UL << 32; // VIRTIO_F_VERSION_1
    private const ulong Features = RingIndirect | RingEventIndexes | HasProtocolFeatures | IsModern;
    private const ulong ProtocolFeatures = 1UL << 0 | 1UL << 3; // VHOST_USER_PROTOCOL_F_MQ, _REPLY_ACK

    private readonly Dictionary<(ulong Device, ulong Inode, ulong Offset, ulong Length), SharedMapping> _mappings = [];
    private GuestMemory _memory = GuestMemory.Empty;
    private ulong _features;

    /// <summary>Answers QEMU until it ends.</summary>
    internal void Serve()
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        byte[] body = new byte[MostBody];
        var files = new List<SafeFileHandle>();
        while (true)
        {
            int got = UnixSocket.TryReceiveWithFiles(socket, header, files);
            if (got == 0) return;
            if (got < 0 || !TryFill(header[got..])) throw new BrokenRingException("the hypervisor ended in the middle of a message");
            var request = (VhostRequest)BinaryPrimitives.ReadUInt32LittleEndian(header);
            uint flags = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
            if ((flags & 3) != Version || length > MostBody) throw new BrokenRingException($"the hypervisor sent a message of {length} bytes with flags {flags:x}");
            Span<byte> content = body.AsSpan(0, (int)length);
            if (!TryFill(content)) throw new BrokenRingException("the hypervisor ended in the middle of a message");
            // What is missing in a short message reads as zeros.
            body.AsSpan((int)length).Clear();
            ulong? answer = Handle(request, body, (int)length, files);
            foreach (SafeFileHandle file in files) file.Dispose();
            files.Clear();
            if (answer is { } value) Reply(request, value);
            else if ((flags & WantsReply) != 0) Reply(request, 0);
        }
    }

    private ulong? Handle(VhostRequest request, ReadOnlySpan<byte> body, int length, List<SafeFileHandle> files)
    {
        ulong number = BinaryPrimitives.ReadUInt64LittleEndian(body);
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(body[4..]);
        switch (request)
        {
            case VhostRequest.GetFeatures: return Features;
            case VhostRequest.GetProtocolFeatures: return ProtocolFeatures;
            case VhostRequest.GetQueueNum: return RingServer.Rings;
            case VhostRequest.SetFeatures when (number & ~Features) == 0: _features = number; break;
            case VhostRequest.SetProtocolFeatures when (number & ~ProtocolFeatures) == 0: break;
            case VhostRequest.SetOwner or VhostRequest.ResetOwner or VhostRequest.SetVringErr: break;
            case VhostRequest.SetMemTable: SetMemory(body[..length], files); break;
            case VhostRequest.SetVringNum: RingOf(body).Entries = (int)value; break;
            case VhostRequest.SetVringBase: RingOf(body).First = (ushort)value; break;
            case VhostRequest.SetVringAddr: RingOf(body).Addresses = AddressesIn(body); break;
            case VhostRequest.SetVringCall: RingOf(body).SetCall(Take(files)); break;
            // The ring's number, and that of the request.
            case VhostRequest.GetVringBase: return BinaryPrimitives.ReadUInt32LittleEndian(body) | Stop(RingOf(body)) << 32;
            case VhostRequest.SetVringKick:
                Ring kicked = RingOf(body);
                kicked.Stop();
                kicked.Kick = Take(files);
                StartWhereReady(kicked);
                break;
            case VhostRequest.SetVringEnable:
                Ring enabled = RingOf(body);
                enabled.Enabled = value != 0;
                if (value == 0) enabled.Stop();
                else StartWhereReady(enabled);
                break;
            default: throw new BrokenRingException($"the hypervisor asked for {request} ({number:x}), which was not offered");
        }

        return null;
    }

    private void SetMemory(ReadOnlySpan<byte> body, List<SafeFileHandle> files)
    {
        uint count = body.Length < 8 ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(body);
        if (count > MostRegions || files.Count != count || body.Length < 8 + (count * RegionSize)) throw new BrokenRingException($"the hypervisor told of {count} parts of memory with {files.Count} files");
        foreach (Ring ring in server.All) ring.Stop();
        var regions = new List<GuestMemory.Region>();
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> region = body.Slice(8 + (i * RegionSize), RegionSize);
            ulong size = BinaryPrimitives.ReadUInt64LittleEndian(region[8..]);
            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(region[24..]);
            regions.Add(new GuestMemory.Region(
                BinaryPrimitives.ReadUInt64LittleEndian(region), BinaryPrimitives.ReadUInt64LittleEndian(region[16..]), size, Map(files[i], offset, size)));
        }

        _memory = new GuestMemory(regions);
        foreach (Ring ring in server.All) StartWhereReady(ring);
    }

    private SharedMapping Map(SafeFileHandle file, ulong offset, ulong size)
    {
        if (offset > long.MaxValue || size > long.MaxValue) throw new BrokenRingException($"the hypervisor told of {size} bytes of memory at {offset:x}");
        int error = FileCall.Status(file, out NodeStatus status);
        if (error < 0) throw new BrokenRingException($"the guest's memory cannot be looked at: error {-error}");
        var key = (status.Device, status.Inode, offset, size);
        if (_mappings.TryGetValue(key, out SharedMapping? known)) return known;
        if (_mappings.Count == MostMappings) throw new BrokenRingException($"the hypervisor told of more than {MostMappings} parts of memory");
        return _mappings[key] = SharedMapping.Of(file, (long)offset, (long)size);
    }

    private void StartWhereReady(Ring ring)
    {
        if (ring.IsRunning || !ring.Enabled || ring.Kick == null || ring.Addresses == default || _memory == GuestMemory.Empty) return;
        var queue = new SplitQueue(_memory, ring.Addresses, ring.Entries, ring.First, (_features & RingEventIndexes) != 0);
        ring.Start(new RunningRing(queue, _memory, ring.Kick));
    }

    private static ulong Stop(Ring ring)
    {
        ring.Stop();
        ring.Addresses = default;
        return ring.First;
    }

    // Number and flags in front; bit 8 of the number says that no file came with the message, where one could.
    private Ring RingOf(ReadOnlySpan<byte> body)
    {
        uint index = BinaryPrimitives.ReadUInt32LittleEndian(body) & 0xFF;
        return index < server.All.Length ? server.All[index] : throw new BrokenRingException($"the hypervisor told of ring {index}, of {server.All.Length}");
    }

    private static RingAddresses AddressesIn(ReadOnlySpan<byte> body) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(body[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(body[16..]),
        BinaryPrimitives.ReadUInt64LittleEndian(body[24..]));

    private static SafeFileHandle? Take(List<SafeFileHandle> files)
    {
        if (files.Count == 0) return null;
        SafeFileHandle file = files[0];
        files.RemoveAt(0);
        return file;
    }

    private void Reply(VhostRequest request, ulong value)
    {
        Span<byte> message = stackalloc byte[HeaderSize + sizeof(ulong)];
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)request);
        BinaryPrimitives.WriteUInt32LittleEndian(message[4..], Version | IsReply);
        BinaryPrimitives.WriteUInt32LittleEndian(message[8..], sizeof(ulong));
        BinaryPrimitives.WriteUInt64LittleEndian(message[HeaderSize..], value);
        FileDescriptor.WriteAll(socket, message);
    }

    private bool TryFill(Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            int got = FileDescriptor.TryRead(socket, target);
            if (got <= 0) return false;
            target = target[got..];
        }

        return true;
    }
}
