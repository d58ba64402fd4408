using System.Buffers.Binary;
using CsCheck;
using Runcvm.Protocol.Shares;
using Runcvm.Protocol.Wire;

namespace Runcvm.Tests.Protocol.Shares;

public class ShareStreamTests
{
    [Fact]
    public void A_small_message_is_a_header_and_its_bytes()
    {
        using var stream = new MemoryStream();
        new ShareSender(stream.Write).Send(0x0102, Room(Message(16, 0xAA)));
        Assert.Equal("0201" + "0000" + "10000000" + "10000000" + "AAAAAAAAAAAAAAAAAAAAAAAA", Convert.ToHexString(stream.ToArray()));
    }

    [Theory]
    [InlineData(ShareFrame.MaxPiece, 1)]
    [InlineData(ShareFrame.MaxPiece + 1, 2)]
    [InlineData(ShareFrame.MaxMessage, 34)]
    public void A_long_message_travels_in_pieces(int length, int pieces)
    {
        using var stream = new MemoryStream();
        byte[] message = Message(length, 0x55);
        new ShareSender(stream.Write).Send(7, Room(message));
        Assert.Equal(length + (pieces * ShareFrame.Size), stream.Length);
        ShareMessage received = Assert.Single(Receive(stream.ToArray()));
        Assert.Equal(7, received.Share);
        Assert.True(received.Span.SequenceEqual(message));
    }

    [Fact]
    public void Messages_of_any_length_arrive_whatever_the_reads_return()
    {
        Gen.Select(Gen.Int[ShareFrame.MinMessage, 200_000].Array[1, 6], Gen.Int[1, 70_000]).Sample((lengths, step) =>
        {
            using var stream = new MemoryStream();
            var sender = new ShareSender(stream.Write);
            for (int i = 0; i < lengths.Length; i++) sender.Send((ushort)i, Room(Message(lengths[i], (byte)i)));
            List<ShareMessage> received = Receive(stream.ToArray(), step);
            Assert.Equal(lengths, received.Select(static message => message.Length));
            for (int i = 0; i < lengths.Length; i++) Assert.True(received[i].Span.SequenceEqual(Message(lengths[i], (byte)i)));
        }, iter: 200);
    }

    [Fact]
    public void Messages_of_several_threads_do_not_mix()
    {
        using var stream = new MemoryStream();
        var sender = new ShareSender(stream.Write);
        Parallel.For(0, 40, i => sender.Send((ushort)i, Room(Message(i % 2 == 0 ? 300_000 : 40, (byte)i))));
        List<ShareMessage> received = Receive(stream.ToArray());
        Assert.Equal(Enumerable.Range(0, 40), received.Select(static message => (int)message.Share).Order());
        Assert.All(received, static message => Assert.True(message.Span.SequenceEqual(Message(message.Length, (byte)message.Share))));
    }

    [Fact]
    public void A_small_message_between_the_pieces_of_a_long_one_is_received_first()
    {
        using var longOne = new MemoryStream();
        new ShareSender(longOne.Write).Send(1, Room(Message(100_000, 1)));
        using var small = new MemoryStream();
        new ShareSender(small.Write).Send(2, Room(Message(40, 2)));
        byte[] pieces = longOne.ToArray();
        const int First = ShareFrame.Size + ShareFrame.MaxPiece;
        Assert.Equal([2, 1], Receive([.. pieces[..First], .. small.ToArray(), .. pieces[First..]]).Select(static message => (int)message.Share));
    }

    [Theory]
    [InlineData("00000000" + "10000000" + "0F000000AAAAAAAAAAAAAAAAAAAAAAAA")] // says another length than it has
    [InlineData("00000000" + "08000000" + "0800000000000000")] // shorter than any header
    [InlineData("00000200" + "10000000" + "10000000AAAAAAAAAAAAAAAAAAAAAAAA")] // an unknown lane
    [InlineData("00000000" + "00000000")] // nothing
    [InlineData("00000000" + "FFFF0000")] // longer than a piece may be
    [InlineData("00000000" + "FFFFFFFF")]
    [InlineData("00000100" + "10000000" + "00001000AAAAAAAAAAAAAAAAAAAAAAAA" + "01000100" + "10000000" + "00001000AAAAAAAAAAAAAAAAAAAAAAAA")] // another share's piece in the middle
    [InlineData("00000100" + "10000000" + "FFFFFF7FAAAAAAAAAAAAAAAAAAAAAAAA")] // longer than any message
    [InlineData("00000100" + "10000000" + "10000000AAAAAAAAAAAAAAAAAAAAAAAA")] // too short for the bulk lane
    [InlineData("00000000" + "10000000" + "10000000")] // cut short
    [InlineData("0000")]
    public void What_cannot_be_is_refused(string hex)
        => Assert.Throws<WireFormatException>(() => Receive(Convert.FromHexString(hex)));

    [Fact]
    public void Random_bytes_are_received_or_refused_and_nothing_else()
        => Gen.OneOf(Gen.Byte, Gen.Byte[0, 1]).Array[0, 300].Sample(static bytes =>
        {
            try
            {
                Receive(bytes);
            }
            catch (WireFormatException)
            {
            }
        });

    private static List<ShareMessage> Receive(byte[] bytes, int step = int.MaxValue)
    {
        int at = 0;
        var receiver = new ShareReceiver(target =>
        {
            int count = Math.Min(Math.Min(step, target.Length), bytes.Length - at);
            bytes.AsSpan(at, count).CopyTo(target);
            at += count;
            return count;
        });
        var messages = new List<ShareMessage>();
        while (receiver.Receive() is { } message) messages.Add(message);
        return messages;
    }

    private static byte[] Message(int length, byte fill)
    {
        byte[] message = new byte[length];
        message.AsSpan().Fill(fill);
        BinaryPrimitives.WriteInt32LittleEndian(message, length);
        return message;
    }

    private static byte[] Room(byte[] message) => [.. new byte[ShareFrame.Size], .. message];
}
