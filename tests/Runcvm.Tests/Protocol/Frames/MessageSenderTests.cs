using CsCheck;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Tests.Protocol.Frames;

public class MessageSenderTests
{
    private const int Large = 2 * 1024 * 1024;

    [Fact]
    public void What_follows_an_announcement_of_any_length_finds_its_channel()
    {
        Gen.Select(Gen.Int[0, 700_000].Array[1, 6], Gen.Int).Sample(
            (lengths, seed) =>
            {
                var pair = new ConnectedPair(seed);
                var sender = new MessageSender(pair.Host.Open(0), MessageReader.MaxLength);
                var received = new Dictionary<uint, Task<byte[]>>();
                Task guest = TakeAnnouncementsAsync(pair.Guest, received);
                Task[] sending =
                    [.. lengths.Select((length, i) => AnnounceAsync(pair.Host, sender, (uint)i + 1, length))];
                pair.Settle();
                Assert.All(sending, static task => Assert.True(task.IsCompletedSuccessfully));
                foreach ((uint id, Task<byte[]> data) in received) Assert.Equal([(byte)id], ConnectedPair.Ended(data));
                return received.Count == lengths.Length && !guest.IsCompleted && !pair.GuestRun.IsCompleted;
            },
            iter: 20);
    }

    [Fact]
    public void A_side_that_does_not_read_its_messages_holds_up_nothing_else()
    {
        var pair = new ConnectedPair();
        var sender = new MessageSender(pair.Host.Open(0), MessageReader.MaxLength);
        Channel unread = pair.Guest.Open(0);
        (Channel host, Channel guest) = pair.Open(9);
        int made = 0;
        Task[] sending = [.. Enumerable.Range(0, 1000).Select(_ => sender.SendAsync(MessageKind.Start, w =>
        {
            made++;
            w.Bytes(new byte[Large]);
        }))];
        Task<byte[]> other = ConnectedPair.ReadAllAsync(guest);
        Task sent = ConnectedPair.SendAsync(host, new byte[Large]);
        pair.Settle();

        Assert.All(sending, static task => Assert.False(task.IsCompleted));
        // One message at a time is in memory, and of that a window is with the other side.
        Assert.Equal((1, 999), (made, sender.Count));
        Assert.True(unread.HasUnread && sent.IsCompletedSuccessfully);
        Assert.Equal(Large, ConnectedPair.Ended(other).Length);
    }

    [Fact]
    public async Task Who_waits_for_the_turn_of_a_message_learns_that_the_stream_is_gone()
    {
        var pair = new ConnectedPair();
        var sender = new MessageSender(pair.Host.Open(0), MessageReader.MaxLength);
        pair.Guest.Open(0);
        bool opened = false;
        Task SendAsync() => sender.SendAsync(MessageKind.Start, WriteLarge, () => opened = true);
        Task[] sending = [.. Enumerable.Range(0, 3).Select(_ => SendAsync())];
        pair.Settle();
        pair.HangUp();
        foreach (Task task in sending) await Assert.ThrowsAsync<ChannelClosedException>(() => task);
        await Assert.ThrowsAsync<ChannelClosedException>(() => sender.SendAsync(MessageKind.Stopped, static _ => { }));
        Assert.False(opened);
    }

    [Fact]
    public async Task A_message_that_is_too_long_is_its_senders_mistake_and_the_next_one_passes()
    {
        var pair = new ConnectedPair();
        var sender = new MessageSender(pair.Host.Open(0), 1000);
        MessageReader reader = new(pair.Guest.Open(0).ReadAsync, 1000);
        var e = await Assert.ThrowsAsync<WireFormatException>(
            () => sender.SendAsync(MessageKind.Start, static w => w.Bytes(new byte[996])));
        Assert.Equal("a message of 1001 bytes is too long: 1000 are the most", e.Message);
        await sender.SendAsync(MessageKind.Start, static w => w.Bytes(new byte[995]));
        Task<ReceivedMessage?> message = reader.ReadAsync().AsTask();
        pair.Settle();
        Assert.Equal(999, ConnectedPair.Ended(message)!.Value.Body.Length);
    }

    [Fact]
    public void One_who_sends_while_another_message_is_sent_comes_after_it()
    {
        var pair = new ConnectedPair();
        var sender = new MessageSender(pair.Host.Open(0), MessageReader.MaxLength);
        Task? inner = null;
        void SendInner() => inner = sender.SendAsync(MessageKind.Setup, WriteLarge);
        Task outer = sender.SendAsync(MessageKind.Start, WriteLarge, SendInner);
        Task last = sender.SendAsync(MessageKind.Signal, static w => w.Byte(1));
        Task<List<MessageKind>> kinds = KindsAsync(pair.Guest.Open(0));
        pair.Settle();
        Assert.True(outer.IsCompletedSuccessfully && inner!.IsCompletedSuccessfully && last.IsCompletedSuccessfully);
        pair.HangUp();
        Assert.Equal([MessageKind.Start, MessageKind.Signal, MessageKind.Setup], ConnectedPair.Ended(kinds));
    }

    private static void WriteLarge(WireWriter w) => w.Bytes(new byte[Large]);

    private static async Task AnnounceAsync(Multiplexer host, MessageSender sender, uint id, int length)
    {
        Channel? channel = null;
        Task data = Task.CompletedTask;
        await sender.SendAsync(MessageKind.Start, Write, () =>
        {
            channel = host.Open(id);
            data = ConnectedPair.SendAsync(channel, [(byte)id]);
        });
        await data;

        void Write(WireWriter w)
        {
            w.UInt32(id);
            w.Bytes(new byte[length]);
        }
    }

    private static async Task TakeAnnouncementsAsync(Multiplexer guest, Dictionary<uint, Task<byte[]>> received)
    {
        var reader = new MessageReader(guest.Open(0).ReadAsync);
        while (await reader.ReadAsync() is var (_, body))
        {
            uint id = BitConverter.ToUInt32(body);
            received.Add(id, ConnectedPair.ReadAllAsync(guest.Open(id)));
        }
    }

    private static async Task<List<MessageKind>> KindsAsync(Channel channel)
    {
        var kinds = new List<MessageKind>();
        var reader = new MessageReader(channel.ReadAsync);
        try
        {
            while (await reader.ReadAsync() is var (kind, _)) kinds.Add(kind);
        }
        catch (ChannelClosedException)
        {
            // All of the stream was read.
        }

        return kinds;
    }
}
