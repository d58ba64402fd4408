using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Runcvm.Fuse.Wire;

/// <summary>A reply being written: its body, for which the header's room is left in front.</summary>
internal ref struct Reply(Span<byte> buffer)
{
    private readonly Span<byte> _buffer = buffer;

    /// <summary>The request's number.</summary>
    internal ulong Unique { readonly get; set; }

    /// <summary>Bytes of the body so far.</summary>
    internal int Length { get; private set; }

    /// <summary>What is still free.</summary>
    internal readonly Span<byte> Room => _buffer[(ReplyHeader.Size + Length)..];

    /// <summary>Appends a struct.</summary>
    internal void Put<T>(in T value)
        where T : unmanaged
    {
        MemoryMarshal.Write(Room, value);
        Length += Unsafe.SizeOf<T>();
    }

    /// <summary>Counts bytes that were put into <see cref="Room"/>.</summary>
    internal void Advance(int count) => Length += count;

    /// <summary>Writes the header.</summary>
    /// <returns>length of the whole reply</returns>
    internal readonly int Finish(int error)
    {
        int length = ReplyHeader.Size + (error == 0 ? Length : 0);
        MemoryMarshal.Write(_buffer, new ReplyHeader((uint)length, error, Unique));
        return length;
    }
}
