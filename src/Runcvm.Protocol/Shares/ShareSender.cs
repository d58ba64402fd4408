namespace Runcvm.Protocol.Shares;

/// <summary>Sends FUSE messages of all shares over one stream, from any thread.</summary>
/// <param name="write">writes all of it, waiting for room</param>
public sealed class ShareSender(ShareSender.Writing write)
{
    private readonly Lock _stream = new();
    private readonly Lock _bulk = new();

    /// <summary>Writes all bytes to the stream.</summary>
    public delegate void Writing(ReadOnlySpan<byte> bytes);

    /// <summary>Sends one message. Its pieces' headers are written into the buffer itself, so that no byte is copied: it is
    /// used up by this call.</summary>
    /// <param name="share">number of the share</param>
    /// <param name="room"><see cref="ShareFrame.Size"/> free bytes, then the message</param>
    public void Send(ushort share, Span<byte> room)
    {
        int length = room.Length - ShareFrame.Size;
        if (length is < ShareFrame.MinMessage or > ShareFrame.MaxMessage) throw new ArgumentException($"a message of {length} bytes cannot be sent");
        if (length <= ShareFrame.MaxPiece)
        {
            SendPiece(new ShareFrame(share, false, length), room);
            return;
        }

        lock (_bulk)
        {
            for (int at = 0; at < length; at += ShareFrame.MaxPiece)
            {
                // The header lies over the end of the piece before, which has been written already.
                int piece = Math.Min(ShareFrame.MaxPiece, length - at);
                SendPiece(new ShareFrame(share, true, piece), room.Slice(at, ShareFrame.Size + piece));
            }
        }
    }

    private void SendPiece(ShareFrame frame, Span<byte> room)
    {
        frame.Write(room);
        lock (_stream) write(room);
    }
}
