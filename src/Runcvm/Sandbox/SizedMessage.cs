using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Wire;

namespace Runcvm.Sandbox;

/// <summary>A message with its length in front, as processes of a sandbox send it to each other over a stream.
/// </summary>
internal static class SizedMessage
{
    internal static void Send<T>(SafeFileHandle socket, T value)
        where T : IWireValue<T>
        => Send(socket, WireBytes.Of(value));

    internal static void Send(SafeFileHandle socket, ReadOnlySpan<byte> message)
    {
        Span<byte> length = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(length, (uint)message.Length);
        FileDescriptor.WriteAll(socket, length);
        FileDescriptor.WriteAll(socket, message);
    }

    /// <summary>Reads exactly one, and nothing of what follows.</summary>
    /// <exception cref="WireFormatException">it is longer than that, has no end, or is no such value</exception>
    internal static T Receive<T>(SafeFileHandle socket, int most)
        where T : IWireValue<T>
    {
        Span<byte> length = stackalloc byte[sizeof(uint)];
        Fill(socket, length);
        byte[] message = new byte[LengthIn(length, most)];
        Fill(socket, message);
        return WireBytes.Read<T>(message);
    }

    /// <summary>The length that stands in front.</summary>
    /// <exception cref="WireFormatException">it is more than that</exception>
    internal static int LengthIn(ReadOnlySpan<byte> prefix, int most)
    {
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(prefix);
        return length <= most ? (int)length : throw new WireFormatException($"an order of {length} bytes");
    }

    private static void Fill(SafeFileHandle socket, Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            int got = FileDescriptor.TryRead(socket, target);
            if (got <= 0) throw new WireFormatException("an order without its end");
            target = target[got..];
        }
    }
}
