using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Wire;

namespace Runcvm.Tests.Protocol.Frames;

/// <summary>A stream that rests while a machine is saved, and goes on there or with another host.</summary>
public class HeldStreamTests
{
    private const uint Workload = 4;
    private const uint Other = 8;

    private readonly ConnectedPair _pair = new();

    [Fact]
    public void What_was_sent_before_arrives_and_nothing_after_it_until_the_end_of_the_pause()
    {
        (Channel host, Channel guest) = _pair.Open(Workload);
        Send(guest, "before");
        _pair.Guest.Hold();
        Task later = guest.WriteAsync("after"u8.ToArray()).AsTask();
        guest.End();
        _pair.Settle();
        Assert.Equal("before", Received(host));
        Assert.False(later.IsCompleted);
        Assert.False(host.HasUnread);

        _pair.Guest.Release();
        _pair.Settle();
        Assert.True(later.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_host_that_speaks_again_says_whether_it_is_the_same()
    {
        var spoken = new List<bool>();
        _pair.Guest.SpokenTo = spoken.Add;
        _pair.Host.Hold();
        _pair.Host.SpeakAgain(isNew: false);
        _pair.Settle();
        _pair.Host.Hold();
        _pair.Host.SpeakAgain(isNew: true);
        _pair.Settle();
        Assert.Equal([false, true], spoken);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_guest_may_not_speak_like_a_host(bool isNew)
    {
        _pair.Guest.SpeakAgain(isNew);
        _pair.Settle();
        Assert.IsType<WireFormatException>(_pair.Host.Failure);
    }

    [Fact]
    public void Another_host_finds_the_channels_that_are_kept_as_new_ones_and_nothing_of_the_others()
    {
        // What is saved has one stream; another host is at its end when it goes on.
        SynchronizationContext.SetSynchronizationContext(null);
        var toGuest = new MemoryStreamEnd();
        var toFirst = new MemoryStreamEnd();
        var toSecond = new MemoryStreamEnd();
        MemoryStreamEnd toHost = toFirst;
        var guest = new Multiplexer();
        guest.SpokenTo = isNew =>
        {
            Assert.True(isNew);
            guest.Renew(static id => id is 0 or Workload);
        };
        Task guestRun = guest.RunAsync(toGuest.ReadAsync, bytes => toHost.WriteAsync(bytes));
        var first = new Multiplexer();
        Task firstRun = first.RunAsync(toFirst.ReadAsync, toGuest.WriteAsync);
        (Channel messages, Channel output, Channel other) = (guest.Open(0), guest.Open(Workload), guest.Open(Other));
        (Channel firstMessages, _, Channel firstOther) = (first.Open(0), first.Open(Workload), first.Open(Other));
        // In the middle of a session: bytes were consumed and not reported, and some were not read.
        Send(firstMessages, new string('x', 1000));
        Send(firstOther, "unread");
        Send(output, new string('y', Channel.Window));
        Settle();
        Assert.Equal(1000, Received(messages).Length);
        Task waiting = output.WriteAsync("more"u8.ToArray()).AsTask();
        guest.Hold();
        Settle();

        toHost = toSecond;
        var second = new Multiplexer();
        Task secondRun = second.RunAsync(toSecond.ReadAsync, toGuest.WriteAsync);
        Channel secondMessages = second.Open(0);
        second.SpeakAgain(isNew: true);
        Settle();
        Task gone = other.WriteAsync("x"u8.ToArray()).AsTask();
        Assert.IsType<ChannelClosedException>(gone.Exception?.InnerException);
        Assert.Equal(0, ConnectedPair.Ended(other.ReadAsync(new byte[10]).AsTask()));
        Send(messages, "hello");
        Settle();
        Assert.Equal("hello", Received(secondMessages));
        Assert.False(waiting.IsCompleted);

        Channel secondOutput = second.Open(Workload);
        guest.Resume();
        output.End();
        Settle();
        Assert.True(waiting.IsCompletedSuccessfully);
        Assert.Equal("more", Received(secondOutput));
        Assert.Equal("", Received(secondOutput));
        // Windows are whole again, and numbers of channels that are gone are free.
        Send(secondMessages, new string('z', Channel.Window));
        Settle();
        Assert.Equal(Channel.Window, Received(messages).Length);
        Assert.NotSame(other, guest.Open(Other));
        Assert.False(guestRun.IsFaulted || firstRun.IsFaulted || secondRun.IsFaulted);

        void Settle()
        {
            while (toGuest.Deliver(1000) | toFirst.Deliver(1000) | toSecond.Deliver(1000))
            {
            }
        }
    }

    private static void Send(Channel channel, string text)
        => _ = channel.WriteAsync(System.Text.Encoding.ASCII.GetBytes(text)).AsTask();

    private static string Received(Channel channel)
    {
        byte[] buffer = new byte[2 * Channel.Window];
        int n = ConnectedPair.Ended(channel.ReadAsync(buffer).AsTask());
        return System.Text.Encoding.ASCII.GetString(buffer, 0, n);
    }
}
