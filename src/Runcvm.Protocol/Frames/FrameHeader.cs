using System.Buffers.Binary;
using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Frames;

/// <summary>What a frame carries.</summary>
public enum FrameKind : byte
{
    /// <summary>bytes of the channel</summary>
    Data = 1,
    /// <summary>u32: that many more bytes may be sent on the channel</summary>
    Window = 2,
    /// <summary>no more data will come from the sender on this channel</summary>
    End = 3,
    /// <summary>the sender wants no more data on this channel</summary>
    Reset = 4,
    /// <summary>from the host, ends a pause: the stream goes on</summary>
    GoOn = 5,
    /// <summary>from the host, ends a pause: it is another host, to which all of this is new</summary>
    Renew = 6,
}

/// <summary>The 8 bytes in front of a frame: u32 channel, u32 with the kind in the top byte and the length of the
/// payload below.</summary>
public readonly record struct FrameHeader(uint Channel, FrameKind Kind, int Length)
{
    /// <summary>bytes of a header</summary>
    public const int Size = 8;

    /// <summary>Longest payload: small enough that a bulk transfer delays other channels by less than a millisecond.</summary>
    public const int MaxPayload = 64 * 1024;

    /// <summary>Most bytes in one write to a stream between host and guest. Newer kernels' vsock keeps what is longer than 32 KiB in several buffers (Linux,
    /// <c>virtio_vsock_alloc_skb</c>), which not every device takes; and a console port takes 32 KiB at once.</summary>
    public const int MaxWrite = 31 * 1024;

    /// <summary>Writes the header's 8 bytes.</summary>
    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(target, Channel);
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], (uint)Kind << 24 | (uint)Length);
    }

    /// <summary>Reads a header.</summary>
    /// <exception cref="WireFormatException">unknown kind, or a length past the limit or wrong for the kind</exception>
    public static FrameHeader Read(ReadOnlySpan<byte> source)
    {
        uint channel = BinaryPrimitives.ReadUInt32LittleEndian(source);
        uint word = BinaryPrimitives.ReadUInt32LittleEndian(source[4..]);
        var kind = (FrameKind)(word >> 24);
        int length = (int)(word & 0xFFFFFF);
        bool valid = kind switch
        {
            FrameKind.Data => length is > 0 and <= MaxPayload,
            FrameKind.Window => length == 4,
            FrameKind.End or FrameKind.Reset => length == 0,
            FrameKind.GoOn or FrameKind.Renew => length == 0 && channel == 0,
            _ => false,
        };
        if (!valid) throw new WireFormatException($"a frame of kind {(byte)kind} with {length} bytes on channel {channel} cannot be");
        return new FrameHeader(channel, kind, length);
    }
}
