using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Runcvm.Linux.Mappings;

namespace Runcvm.VirtioFs;

/// <summary>One of the three parts of a ring, in memory that the guest changes at the same time.</summary>
internal readonly record struct RingPart(SharedMapping Mapping, long Offset, int Length)
{
    /// <summary>Bytes from an offset on.</summary>
    internal Span<byte> At(int offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        return Mapping.Part(Offset + offset, length);
    }

    /// <summary>Reads 16 bits, and nothing after them earlier.</summary>
    internal ushort Read(int offset) => Volatile.Read(ref Reference(offset));

    /// <summary>Writes 16 bits, and nothing before them later.</summary>
    internal void Write(int offset, ushort value) => Volatile.Write(ref Reference(offset), value);

    private ref ushort Reference(int offset) => ref Unsafe.As<byte, ushort>(ref MemoryMarshal.GetReference(At(offset, sizeof(ushort))));
}
