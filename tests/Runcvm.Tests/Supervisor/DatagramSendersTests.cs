using Runcvm.Supervisor;

namespace Runcvm.Tests.Supervisor;

public class DatagramSendersTests
{
    [Fact]
    public void Of_too_many_the_one_is_forgotten_that_has_been_silent_longest()
    {
        var all = new DatagramSenders(3);
        Sender[] senders = [.. new long[] { 30, 10, 20 }.Select(time => new Sender(all) { LastUsed = time })];
        foreach (Sender sender in senders) Add(all, sender);
        Assert.DoesNotContain(senders, static sender => sender.IsClosed);
        Add(all, new Sender(all) { LastUsed = 40 });
        Assert.Equal([false, true, false], senders.Select(static sender => sender.IsClosed));
        senders[2].LastUsed = 50;
        Add(all, new Sender(all) { LastUsed = 60 });
        Assert.Equal([true, true, false], senders.Select(static sender => sender.IsClosed));
        // Its place is free.
        senders[2].Close();
        var last = new Sender(all) { LastUsed = 1 };
        Add(all, last);
        Assert.False(last.IsClosed);
    }

    [Fact]
    public void One_of_which_the_guest_has_not_read_yet_keeps_its_place()
    {
        var all = new DatagramSenders(2);
        long[] times = [10, 20];
        Sender[] senders = [.. times.Select(time => new Sender(all) { LastUsed = time, IsAnnounced = false })];
        foreach (Sender sender in senders) Add(all, sender);
        Assert.False(all.TryMakeRoom());
        senders[1].IsAnnounced = true;
        Assert.True(all.TryMakeRoom());
        Assert.Equal([false, true], senders.Select(static sender => sender.IsClosed));
    }

    private static void Add(DatagramSenders all, Sender sender)
    {
        Assert.True(all.TryMakeRoom());
        all.Add(sender);
    }

    private sealed class Sender(DatagramSenders all) : IDatagramSender
    {
        public long LastUsed { get; set; }

        public bool IsAnnounced { get; set; } = true;

        internal bool IsClosed { get; private set; }

        public void Close()
        {
            IsClosed = true;
            all.Remove(this);
        }
    }
}
