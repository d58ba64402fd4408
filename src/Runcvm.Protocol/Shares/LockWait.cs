using System.Buffers.Binary;
using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Shares;

/// <summary>A thread of the guest waits for a lock of a shared file, or does so no more: u32 length, u32 thread, u64 number of
/// the request. The guest's kernel cannot tell the host through rings that the thread got a signal; who is told of it can.</summary>
/// <param name="Unique">number of the request</param>
/// <param name="Thread">its thread id in the guest's first PID namespace; 0: it waits no more</param>
public readonly record struct LockWait(ulong Unique, uint Thread)
{
    /// <summary>bytes</summary>
    public const int Size = 16;

    /// <summary>Writes it.</summary>
    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteInt32LittleEndian(target, Size);
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], Thread);
        BinaryPrimitives.WriteUInt64LittleEndian(target[8..], Unique);
    }

    /// <summary>Reads it.</summary>
    /// <exception cref="WireFormatException">it is no such message</exception>
    public static LockWait Read(ReadOnlySpan<byte> source) => source.Length == Size
        ? new LockWait(BinaryPrimitives.ReadUInt64LittleEndian(source[8..]), BinaryPrimitives.ReadUInt32LittleEndian(source[4..]))
        : throw new WireFormatException($"a message of {source.Length} bytes about a lock cannot be");
}
