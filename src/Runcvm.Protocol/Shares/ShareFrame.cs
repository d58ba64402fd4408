using System.Buffers.Binary;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Shares;

/// <summary>The 8 bytes in front of each piece of a FUSE message on the stream of the shares: u16 share, u16 lane, u32 length
/// of the piece. A message of one piece travels on the small lane, a longer one on the bulk lane, one at a time; between
/// its pieces small ones go ahead.</summary>
public readonly record struct ShareFrame(ushort Share, bool Bulk, int Length)
{
    /// <summary>bytes of a header</summary>
    public const int Size = 8;

    /// <summary>Longest piece: with its header one write to the stream.</summary>
    public const int MaxPiece = FrameHeader.MaxWrite - Size;

    /// <summary>Most data in one read or write request: what the kernel asks for at most (256 pages).</summary>
    public const int MaxData = 1024 * 1024;

    /// <summary>Longest message: the data and a page for headers and names.</summary>
    public const int MaxMessage = MaxData + 4096;

    /// <summary>Shortest message: the header of a reply.</summary>
    public const int MinMessage = 16;

    /// <summary>In place of a share's number: what concerns those that the guest's kernel asks for through rings. From the
    /// host a <see cref="LockWait"/>, from the guest a FUSE_INTERRUPT.</summary>
    public const ushort Rings = ushort.MaxValue;

    /// <summary>Most shares of one machine: an engine's command line holds fewer.</summary>
    public const int MaxShares = 4096;

    /// <summary>Writes the header's 8 bytes.</summary>
    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(target, Share);
        BinaryPrimitives.WriteUInt16LittleEndian(target[2..], Bulk ? (ushort)1 : (ushort)0);
        BinaryPrimitives.WriteInt32LittleEndian(target[4..], Length);
    }

    /// <summary>Reads a header.</summary>
    /// <exception cref="WireFormatException">unknown lane, or a length that cannot be</exception>
    public static ShareFrame Read(ReadOnlySpan<byte> source)
    {
        ushort share = BinaryPrimitives.ReadUInt16LittleEndian(source);
        ushort lane = BinaryPrimitives.ReadUInt16LittleEndian(source[2..]);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(source[4..]);
        if (lane > 1 || length is 0 or > MaxPiece) throw new WireFormatException($"a piece of {length} bytes on lane {lane} of share {share} cannot be");
        return new ShareFrame(share, lane == 1, (int)length);
    }
}
