using System.Buffers.Binary;

namespace Runcvm.VirtioFs;

/// <summary>The device's side of one split virtqueue; virtio 1.2, 2.7. Requests are taken by one thread at a time, and handed
/// back by any.</summary>
internal sealed class SplitQueue
{
    /// <summary>What the back end offers QEMU as the longest ring, which is also the longest chain of descriptors.</summary>
    internal const int MostEntries = 1024;

    private const int DescriptorSize = 16;
    private const int RingHeader = 4;
    private const int UsedSize = 8;
    private const int IndexOffset = 2;

    private const ushort Next = 1;
    private const ushort Write = 2;
    private const ushort Indirect = 4;
    private const ushort NoInterrupt = 1;
    private const ushort NoNotify = 1;

    private readonly Lock _using = new();
    private readonly GuestMemory _memory;
    private readonly RingPart _descriptors;
    private readonly RingPart _available;
    private readonly RingPart _used;
    private readonly int _entries;
    private readonly bool _eventIndexes;
    private ushort _usedIndex;
    private ushort _notified;

    /// <param name="memory">of the guest</param>
    /// <param name="addresses">of the ring's parts, as the hypervisor names them</param>
    /// <param name="entries">a power of two</param>
    /// <param name="first">number of the request that is taken first</param>
    /// <param name="eventIndexes">VIRTIO_F_EVENT_IDX was agreed</param>
    internal SplitQueue(GuestMemory memory, RingAddresses addresses, int entries, ushort first, bool eventIndexes)
    {
        if (entries is <= 0 or > MostEntries || (entries & (entries - 1)) != 0) throw new BrokenRingException($"a ring cannot have {entries} entries");
        if (addresses.Descriptors % 16 != 0 || addresses.Available % 2 != 0 || addresses.Used % 4 != 0) throw new BrokenRingException("a ring is not aligned");
        _memory = memory;
        _entries = entries;
        _eventIndexes = eventIndexes;
        _descriptors = memory.Find(addresses.Descriptors, entries * DescriptorSize);
        _available = memory.Find(addresses.Available, RingHeader + (entries * sizeof(ushort)) + sizeof(ushort));
        _used = memory.Find(addresses.Used, RingHeader + (entries * UsedSize) + sizeof(ushort));
        Taken = first;
        _usedIndex = _used.Read(IndexOffset);
        _notified = _usedIndex;
        if (!eventIndexes) _used.Write(0, NoNotify);
    }

    /// <summary>How many requests were taken, modulo 2^16.</summary>
    internal ushort Taken { get; private set; }

    /// <summary>Takes the next request, if there is one.</summary>
    internal bool TryTake(RingRequest request)
    {
        ushort end = _available.Read(IndexOffset);
        int waiting = (ushort)(end - Taken);
        if (waiting == 0) return false;
        if (waiting > _entries) throw new BrokenRingException($"a ring of {_entries} entries offers {waiting} requests");
        ushort head = _available.Read(RingHeader + (Taken % _entries * sizeof(ushort)));
        Taken++;
        request.Begin(head);
        Collect(request, head);
        return true;
    }

    /// <summary>Asks the guest to tell of its next request.</summary>
    /// <returns>whether there may be one already</returns>
    internal bool AskForNotice()
    {
        if (_eventIndexes) _used.Write(RingHeader + (_entries * UsedSize), Taken);
        else _used.Write(0, 0);
        // The guest must see this before it is looked whether something came: else both would wait for each other.
        Interlocked.MemoryBarrier();
        if (_available.Read(IndexOffset) == Taken) return false;
        if (!_eventIndexes) _used.Write(0, NoNotify);
        return true;
    }

    /// <summary>The guest told of something.</summary>
    internal void Noticed()
    {
        if (!_eventIndexes) _used.Write(0, NoNotify);
    }

    /// <summary>Hands a request back.</summary>
    /// <param name="head">its number</param>
    /// <param name="written">bytes of the answer, which are in place already</param>
    /// <returns>whether the guest wants to be told</returns>
    internal bool HandBack(ushort head, int written)
    {
        lock (_using)
        {
            Span<byte> entry = _used.At(RingHeader + (_usedIndex % _entries * UsedSize), UsedSize);
            BinaryPrimitives.WriteUInt32LittleEndian(entry, head);
            BinaryPrimitives.WriteInt32LittleEndian(entry[4..], written);
            _used.Write(IndexOffset, ++_usedIndex);
            Interlocked.MemoryBarrier();
            if (!_eventIndexes) return (_available.Read(0) & NoInterrupt) == 0;
            ushort wanted = _available.Read(RingHeader + (_entries * sizeof(ushort)));
            ushort before = _notified;
            _notified = _usedIndex;
            return (ushort)(_usedIndex - wanted - 1) < (ushort)(_usedIndex - before);
        }
    }

    private void Collect(RingRequest request, ushort head)
    {
        if (head >= _entries) throw new BrokenRingException($"a ring of {_entries} entries names entry {head}");
        Span<byte> table = _descriptors.At(0, _entries * DescriptorSize);
        int count = _entries;
        int index = head;
        bool indirect = false;
        // A chain that leads in a circle is longer than any that does not.
        for (int links = 0; links <= MostEntries; links++)
        {
            Span<byte> entry = table.Slice(index * DescriptorSize, DescriptorSize);
            ulong address = BinaryPrimitives.ReadUInt64LittleEndian(entry);
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]);
            ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(entry[12..]);
            ushort next = BinaryPrimitives.ReadUInt16LittleEndian(entry[14..]);
            if ((flags & Indirect) != 0)
            {
                count = (int)(length / DescriptorSize);
                if (indirect || length % DescriptorSize != 0 || count is 0 or > MostEntries || (flags & Next) != 0)
                    throw new BrokenRingException($"a table of {length} bytes of descriptors cannot be");
                indirect = true;
                table = _memory.At(address, length);
                index = 0;
                continue;
            }

            if ((flags & Write) != 0) request.AddRoom(address, length);
            else request.Append(_memory.At(address, length));
            if ((flags & Next) == 0) return;
            if (next >= count) throw new BrokenRingException($"a descriptor leads to number {next} of {count}");
            index = next;
        }

        throw new BrokenRingException("a chain of descriptors does not end");
    }
}
