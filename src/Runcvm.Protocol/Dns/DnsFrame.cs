using System.Buffers.Binary;
using Runcvm.Protocol.Frames;

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
        byte[]? header = await Datagram.ExactlyAsync(read, HeaderSize);
        if (header == null) return null;
        byte[]? message = await Datagram.ExactlyAsync(read, BinaryPrimitives.ReadUInt16LittleEndian(header));
        if (message == null) return null;
        return new DnsFrame(BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(2)), header[4] != 0, message);
    }
}
