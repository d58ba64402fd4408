using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Runcvm.Fuse;

namespace Runcvm.VirtioFs;

/// <summary>A request out of a ring: a copy of what the guest wrote, and where it wants the answer. Used again and again.</summary>
internal sealed class RingRequest
{
    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(FileServer.MaxRequest);
    private readonly List<(ulong Address, uint Length)> _room = [];
    private int _length;

    /// <summary>The ring's number for it.</summary>
    internal ushort Head { get; private set; }

    /// <summary>The request.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    internal void Begin(ushort head)
    {
        Head = head;
        _length = 0;
        _room.Clear();
    }

    /// <summary>Copies a part of the request.</summary>
    internal void Append(ReadOnlySpan<byte> part)
    {
        if (_room.Count > 0) throw new BrokenRingException("a request goes on behind the room for its answer");
        if (part.Length > _bytes.Length - _length) throw new BrokenRingException($"a request is longer than {_bytes.Length} bytes");
        part.CopyTo(_bytes.AsSpan(_length));
        _length += part.Length;
    }

    /// <summary>Notes a place for a part of the answer.</summary>
    internal void AddRoom(ulong address, uint length) => _room.Add((address, length));

    /// <summary>Places for the answer, for one that comes later.</summary>
    internal RingAnswer Later() => new(Head, [.. _room]);

    /// <summary>Puts the answer in place.</summary>
    /// <returns>how much of it there is room for</returns>
    internal int Put(GuestMemory memory, ReadOnlySpan<byte> answer) => Put(memory, CollectionsMarshal.AsSpan(_room), answer);

    internal static int Put(GuestMemory memory, ReadOnlySpan<(ulong Address, uint Length)> room, ReadOnlySpan<byte> answer)
    {
        int put = 0;
        foreach ((ulong address, uint length) in room)
        {
            if (put == answer.Length) break;
            int part = (int)Math.Min(length, (uint)(answer.Length - put));
            answer.Slice(put, part).CopyTo(memory.At(address, (uint)part));
            put += part;
        }

        return put;
    }

    /// <summary>The operation, by enum fuse_opcode of linux/fuse.h; 0 where there is not even a header.</summary>
    internal uint Operation => _length < 8 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(4));

    /// <summary>The number by which a later answer names it.</summary>
    internal ulong Unique => _length < 16 ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(8));

    /// <summary>The guest's thread that asks.</summary>
    internal uint Thread => _length < 36 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(32));
}
