using CsCheck;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Wire;

namespace Runcvm.Tests.Protocol.Frames;

public class MultiplexerTests
{
    private static readonly byte[] TooMuch = new byte[Channel.Window + 1000];

    [Fact]
    public void Random_data_passes_intact_on_several_channels_both_ways()
    {
        Gen.Select(Gen.Int[0, 600_000].Array[2, 10], Gen.Int[1, 70_000], Gen.Int).Sample(
            (lengths, bufferSize, seed) =>
            {
                var random = new Random(seed);
                var pair = new ConnectedPair(seed);
                var expected = new List<byte[]>();
                var received = new List<Task<byte[]>>();
                for (int i = 0; i + 1 < lengths.Length; i += 2)
                {
                    (Channel host, Channel guest) = pair.Open((uint)i + 4);
                    Transfer(host, guest, lengths[i]);
                    Transfer(guest, host, lengths[i + 1]);
                }

                pair.Settle();
                return received.Zip(expected).All(static both => ConnectedPair.Ended(both.First).AsSpan().SequenceEqual(both.Second));

                void Transfer(Channel from, Channel to, int length)
                {
                    byte[] bytes = new byte[length];
                    random.NextBytes(bytes);
                    expected.Add(bytes);
                    _ = ConnectedPair.SendAsync(from, bytes);
                    received.Add(ConnectedPair.ReadAllAsync(to, bufferSize));
                }
            },
            iter: 10);
    }

    [Fact]
    public void A_writer_stops_at_the_window_until_the_reader_reads()
    {
        var pair = new ConnectedPair();
        (Channel host, Channel guest) = pair.Open(1);
        Task writing = host.WriteAsync(TooMuch).AsTask();
        pair.Settle();
        Assert.False(writing.IsCompleted);

        byte[] buffer = new byte[Channel.Window * 2];
        Assert.Equal(Channel.Window, ConnectedPair.Ended(guest.ReadAsync(buffer).AsTask()));
        pair.Settle();
        Assert.True(writing.IsCompletedSuccessfully);
        Assert.Equal(1000, ConnectedPair.Ended(guest.ReadAsync(buffer).AsTask()));
    }

    [Fact]
    public void Whoever_sends_without_reading_is_cut_off_before_the_answers_fill_the_memory()
    {
        var multiplexer = new Multiplexer();
        Channel channel = multiplexer.Open(1);
        byte[] frame = new byte[FrameHeader.Size + FrameHeader.MaxPayload];
        new FrameHeader(1, FrameKind.Data, FrameHeader.MaxPayload).Write(frame);
        byte[] buffer = new byte[FrameHeader.MaxPayload];
        // Every second one is answered by a window of 12 bytes, which nobody takes.
        for (int i = 0; i < 100 && !multiplexer.IsBroken; i++)
        {
            multiplexer.Receive(frame);
            ConnectedPair.Ended(channel.ReadAsync(buffer).AsTask());
        }

        Assert.IsType<WireFormatException>(multiplexer.Failure);
    }

    [Fact]
    public void A_stalled_channel_does_not_stall_another()
    {
        var pair = new ConnectedPair();
        (Channel stalled, Channel unread) = pair.Open(1);
        (Channel host, Channel guest) = pair.Open(2);
        Task waiting = stalled.WriteAsync(TooMuch).AsTask();
        pair.Settle();
        byte[] bytes = new byte[3 * Channel.Window];
        _ = ConnectedPair.SendAsync(host, bytes);
        Task<byte[]> received = ConnectedPair.ReadAllAsync(guest);
        pair.Settle();

        Assert.Equal(bytes.Length, ConnectedPair.Ended(received).Length);
        Assert.False(waiting.IsCompleted);
        Assert.True(unread.HasUnread);
    }

    [Fact]
    public void One_direction_ends_and_the_other_goes_on()
    {
        var pair = new ConnectedPair();
        (Channel host, Channel guest) = pair.Open(1);
        host.End();
        pair.Settle();
        Assert.Empty(ConnectedPair.Ended(ConnectedPair.ReadAllAsync(guest)));

        _ = ConnectedPair.SendAsync(guest, TooMuch);
        Task<byte[]> received = ConnectedPair.ReadAllAsync(host);
        pair.Settle();
        Assert.Equal(TooMuch.Length, ConnectedPair.Ended(received).Length);
    }

    [Fact]
    public void What_came_before_the_end_is_read_before_the_end()
    {
        var pair = new ConnectedPair();
        (Channel host, Channel guest) = pair.Open(1);
        _ = ConnectedPair.SendAsync(host, [1, 2, 3]);
        pair.Settle();
        Assert.Equal([1, 2, 3], ConnectedPair.Ended(ConnectedPair.ReadAllAsync(guest, 1)));
    }

    [Fact]
    public async Task A_refused_writer_learns_that_its_channel_is_closed()
    {
        var pair = new ConnectedPair();
        (Channel host, Channel guest) = pair.Open(1);
        Task waiting = host.WriteAsync(TooMuch).AsTask();
        pair.Settle();
        guest.Refuse();
        pair.Settle();
        Assert.True(waiting.IsFaulted);
        await Assert.ThrowsAsync<ChannelClosedException>(() => waiting);
        await Assert.ThrowsAsync<ChannelClosedException>(() => host.WriteAsync(new byte[1]).AsTask());
        Assert.False(guest.HasUnread);
    }

    [Fact]
    public async Task Readers_and_writers_fail_when_the_stream_is_gone()
    {
        var pair = new ConnectedPair();
        (Channel host, Channel guest) = pair.Open(1);
        Task reading = guest.ReadAsync(new byte[1]).AsTask();
        Task writing = host.WriteAsync(TooMuch).AsTask();
        pair.Settle();
        Task second = host.ReadAsync(new byte[1]).AsTask();
        pair.HangUp();
        Assert.True(reading.IsCompleted && writing.IsFaulted && second.IsFaulted);
        await Assert.ThrowsAsync<ChannelClosedException>(() => writing);
        await Assert.ThrowsAsync<ChannelClosedException>(() => second);
        Assert.True(pair.Host.IsBroken && pair.Guest.IsBroken);
        Assert.True(pair.HostRun.IsCompletedSuccessfully && pair.GuestRun.IsCompletedSuccessfully);
    }

    [Fact]
    public void Frames_of_a_channel_closed_meanwhile_are_ignored()
    {
        var multiplexer = new Multiplexer();
        multiplexer.Open(3).Close();
        Assert.Equal(9, multiplexer.Receive(Frame(3, FrameKind.Data, [7])));
    }

    [Fact]
    public void Half_a_frame_is_left_for_later()
    {
        var multiplexer = new Multiplexer();
        Channel channel = multiplexer.Open(3);
        byte[] frame = Frame(3, FrameKind.Data, [7, 8]);
        for (int length = 0; length < frame.Length; length++) Assert.Equal(0, multiplexer.Receive(frame.AsSpan(0, length)));
        Assert.False(channel.HasUnread);
        Assert.Equal(frame.Length, multiplexer.Receive([.. frame, 3, 0, 0]));
        Assert.True(channel.HasUnread);
    }

    [Fact]
    public void Data_past_the_window_is_refused() => Refuses("room", static m =>
    {
        for (int i = 0; i < Channel.Window / FrameHeader.MaxPayload; i++)
            m.Receive(Frame(1, FrameKind.Data, new byte[FrameHeader.MaxPayload]));
    },
    Frame(1, FrameKind.Data, [0]));

    [Fact]
    public void Data_past_the_window_is_refused_after_a_refusal_too() => Refuses("room", static m =>
    {
        for (int i = 0; i < Channel.Window / FrameHeader.MaxPayload; i++)
            m.Receive(Frame(2, FrameKind.Data, new byte[FrameHeader.MaxPayload]));
    },
    Frame(2, FrameKind.Data, [0]));

    [Fact]
    public void A_grant_past_the_window_is_refused() => Refuses("granted", static _ => { }, Frame(1, FrameKind.Window, [1, 0, 0, 0]));

    [Fact]
    public void The_largest_grant_is_refused() => Refuses("granted", static _ => { }, Frame(1, FrameKind.Window, [255, 255, 255, 255]));

    [Fact]
    public void A_frame_for_a_channel_nobody_opened_is_refused() => Refuses("nobody", static _ => { }, Frame(3, FrameKind.End, []));

    [Fact]
    public void Data_after_the_end_is_refused()
        => Refuses("after its end", static m => m.Receive(Frame(1, FrameKind.End, [])), Frame(1, FrameKind.Data, [0]));

    [Fact]
    public void Random_bytes_are_taken_or_refused_and_nothing_else()
    {
        // Mostly valid headers: bytes at random would hardly come past the first one.
        Gen<byte[]> frame = Gen.Select(Gen.Int[0, 4], Gen.Int[1, 4], Gen.Byte.Array[0, 40]).Select(static (channel, kind, payload) =>
            Frame((uint)channel, (FrameKind)kind, kind switch { 1 => payload, 2 => payload.Length < 4 ? new byte[4] : payload[..4], _ => [] }));
        Gen<byte[]> input = Gen.Frequency((9, frame), (1, Gen.Byte.Array[0, 40]));
        input.Array[0, 30].Sample(parts =>
        {
            var multiplexer = new Multiplexer();
            multiplexer.Open(1);
            multiplexer.Open(2).Refuse();
            multiplexer.Open(3).Close();
            byte[] bytes = [.. parts.SelectMany(static part => part)];
            try
            {
                Assert.InRange(multiplexer.Receive(bytes), 0, bytes.Length);
            }
            catch (WireFormatException)
            {
            }
        });
    }

    private static void Refuses(string reason, Action<Multiplexer> before, byte[] frame)
    {
        var multiplexer = new Multiplexer();
        multiplexer.Open(1);
        multiplexer.Open(2).Refuse();
        before(multiplexer);
        var e = Assert.Throws<WireFormatException>(() => multiplexer.Receive(frame));
        Assert.Contains(reason, e.Message);
    }

    private static byte[] Frame(uint channel, FrameKind kind, byte[] payload)
    {
        byte[] frame = new byte[FrameHeader.Size + payload.Length];
        new FrameHeader(channel, kind, payload.Length).Write(frame);
        payload.CopyTo(frame, FrameHeader.Size);
        return frame;
    }
}
