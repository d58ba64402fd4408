using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Mappings;

namespace Runcvm.Egress;

/// <summary>Addresses that a nameserver has just given for a name that a rule allows: a table in memory that the
/// kernel's program reads while the supervisor writes, which needs no capability for that. An address has its place in
/// one of the slots from that of its hash on.</summary>
internal sealed class PinTable
{
    internal const int Slots = 16384;
    internal const int SlotSize = 32;
    internal const int SlotsSize = Slots * SlotSize;

    /// <summary>The slots, and a page of which the first 8 bytes count the names that were refused.</summary>
    internal const int Size = SlotsSize + 4096;

    /// <summary>How many slots an address may be in.</summary>
    internal const int Neighbours = 16;

    internal const int ExpiryOffset = 16;
    internal const int SetOffset = 24;

    private readonly SharedMapping _memory;

    internal PinTable(SafeFileHandle map) => _memory = SharedMapping.OfMap(map, Size);

    /// <summary>The address may be reached at the set's ports until then.</summary>
    /// <param name="address">16 bytes</param>
    /// <param name="set">see <see cref="EgressTables"/></param>
    /// <param name="now">nanoseconds of CLOCK_MONOTONIC</param>
    /// <param name="expiry">the same clock</param>
    internal void Put(ReadOnlySpan<byte> address, int set, long now, long expiry)
    {
        Span<byte> chosen = default;
        long soonest = long.MaxValue;
        uint first = Hash(address);
        for (uint i = 0; i < Neighbours; i++)
        {
            Span<byte> slot = _memory.Part(((first + i) % Slots) * SlotSize, SlotSize);
            long until = Expiry(slot);
            if (BinaryPrimitives.ReadInt32LittleEndian(slot[SetOffset..]) == set && slot[..16].SequenceEqual(address))
            {
                // One that has run out may stand behind a gap, and is the same all the same.
                if (until < expiry) Publish(slot, expiry);
                return;
            }

            // Of those that have run out the first one, else the one that is nearest to it.
            long rank = until <= now ? 0 : until;
            if (rank >= soonest) continue;
            soonest = rank;
            chosen = slot;
        }

        Publish(chosen, 0);
        address.CopyTo(chosen);
        BinaryPrimitives.WriteInt32LittleEndian(chosen[SetOffset..], set);
        Publish(chosen, expiry);
    }

    /// <summary>A name was refused.</summary>
    internal void CountRefusal()
        => Interlocked.Increment(ref MemoryMarshal.AsRef<long>(_memory.Part(SlotsSize, sizeof(long))));

    /// <summary>Closes all but those that are kept.</summary>
    /// <param name="keeps">whether an address may be reached at a set's ports</param>
    internal void Sweep(Func<AddressPrefix, int, bool> keeps)
    {
        for (int i = 0; i < Slots; i++)
        {
            Span<byte> slot = _memory.Part(i * SlotSize, SlotSize);
            if (Expiry(slot) != 0 && !keeps(
                AddressPrefix.Of(slot[..16]), BinaryPrimitives.ReadInt32LittleEndian(slot[SetOffset..])))
                Publish(slot, 0);
        }
    }

    /// <summary>The first slot of an address; the kernel's program computes the same.</summary>
    internal static uint Hash(ReadOnlySpan<byte> address)
    {
        uint hash = 0;
        for (int i = 0; i < address.Length; i += sizeof(uint))
            hash = (hash ^ BinaryPrimitives.ReadUInt32LittleEndian(address[i..])) * EgressProgram.HashFactor;
        return (hash ^ (hash >> EgressProgram.HashShift)) % Slots;
    }

    private static long Expiry(Span<byte> slot) => Volatile.Read(ref MemoryMarshal.AsRef<long>(slot[ExpiryOffset..]));

    // Whoever sees the new time sees all that was written before it, and who reads on while a slot changes sees the 0.
    private static void Publish(Span<byte> slot, long expiry)
    {
        Volatile.Write(ref MemoryMarshal.AsRef<long>(slot[ExpiryOffset..]), expiry);
        Interlocked.MemoryBarrier();
    }
}
