using System.Buffers.Binary;

namespace Runcvm.Protocol.Frames;

/// <summary>Datagrams on a stream: u16 length in the network's byte order, then that many bytes. DNS messages travel like
/// this over TCP (RFC 1035, 4.2.2: "prefixed with a two byte length field").</summary>
public static class Datagram
{
    /// <summary>What is longer than this no datagram can be.</summary>
    public const int MaxLength = ushort.MaxValue;

    /// <summary>The datagram with its length in front.</summary>
    public static byte[] Frame(ReadOnlySpan<byte> datagram)
    {
        byte[] bytes = new byte[2 + datagram.Length];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, checked((ushort)datagram.Length));
        datagram.CopyTo(bytes.AsSpan(2));
        return bytes;
    }

    /// <summary>Reads the next datagram; null at the end of the stream, also in the middle of a datagram.</summary>
    /// <param name="read">reads from the stream, 0 at its end</param>
    public static async ValueTask<byte[]?> ReadAsync(Func<Memory<byte>, ValueTask<int>> read)
    {
        byte[]? prefix = await ExactlyAsync(read, 2);
        return prefix == null ? null : await ExactlyAsync(read, BinaryPrimitives.ReadUInt16BigEndian(prefix));
    }

    /// <summary>Reads that many bytes, or null if the stream ends before.</summary>
    internal static async ValueTask<byte[]?> ExactlyAsync(Func<Memory<byte>, ValueTask<int>> read, int count)
    {
        byte[] bytes = new byte[count];
        for (int filled = 0; filled < count;)
        {
            int n = await read(bytes.AsMemory(filled));
            if (n == 0) return null;
            filled += n;
        }

        return bytes;
    }
}
