using System.Buffers.Binary;

namespace Runcvm.Protocol.Dns;

/// <summary>A question from the guest's resolver, or the answer to it, on the way between guest and host: u16 length of
/// the message, u16 number of the question, u8 transport, then the message as RFC 1035 has it. The number is ours: DNS
/// clients that know nothing of each other choose the same ones.</summary>
/// <param name="Id">number of the question; its answer has the same</param>
/// <param name="IsStream">asked over TCP, so an answer of any size is welcome; over UDP a client asks again over TCP when
/// the answer says that it was cut short</param>
/// <param name="Message">the question or answer</param>
public sealed record DnsFrame(ushort Id, bool IsStream, byte[] Message)
{
    private const int HeaderSize = 5;

    /// <summary>The frame's bytes.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[HeaderSize + Message.Length];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)Message.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(2), Id);
        bytes[4] = IsStream ? (byte)1 : (byte)0;
        Message.CopyTo(bytes, HeaderSize);
        return bytes;
    }

    /// <summary>Reads the next frame; null at the end of the stream, also in the middle of a frame.</summary>
    /// <param name="read">reads from the stream, 0 at its end</param>
    public static async ValueTask<DnsFrame?> ReadAsync(Func<Memory<byte>, ValueTask<int>> read)
    {
        byte[]? header = await ExactlyAsync(read, HeaderSize);
        if (header == null) return null;
        byte[]? message = await ExactlyAsync(read, BinaryPrimitives.ReadUInt16LittleEndian(header));
        if (message == null) return null;
        return new DnsFrame(BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(2)), header[4] != 0, message);
    }

    /// <summary>Reads a message as TCP carries it (RFC 1035, 4.2.2: "prefixed with a two byte length field"), or null.</summary>
    public static async ValueTask<byte[]?> ReadStreamMessageAsync(Func<Memory<byte>, ValueTask<int>> read)
    {
        byte[]? prefix = await ExactlyAsync(read, 2);
        return prefix == null ? null : await ExactlyAsync(read, BinaryPrimitives.ReadUInt16BigEndian(prefix));
    }

    /// <summary>The message as TCP carries it.</summary>
    public byte[] ToStreamMessage()
    {
        byte[] bytes = new byte[2 + Message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)Message.Length);
        Message.CopyTo(bytes, 2);
        return bytes;
    }

    private static async ValueTask<byte[]?> ExactlyAsync(Func<Memory<byte>, ValueTask<int>> read, int count)
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
