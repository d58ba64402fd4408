using Runcvm.Supervisor;

namespace Runcvm.Tests.Supervisor;

public class DatagramSendersTests
{
    [Fact]
    public void Of_too_many_the_one_is_forgotten_that_has_been_silent_longest()
    {
        var all = new DatagramSenders(3);
        Sender[] senders = [.. new long[] { 30, 10, 20 }.Select(time => new Sender(all) { LastUsed = time })];
        foreach (Sender sender in senders) all.Add(sender);
        Assert.DoesNotContain(senders, static sender => sender.IsClosed);
        all.Add(new Sender(all) { LastUsed = 40 });
        Assert.Equal([false, true, false], senders.Select(static sender => sender.IsClosed));
        senders[2].LastUsed = 50;
        all.Add(new Sender(all) { LastUsed = 60 });
        Assert.Equal([true, true, false], senders.Select(static sender => sender.IsClosed));
        // Its place is free.
        senders[2].Close();
        var last = new Sender(all) { LastUsed = 1 };
        all.Add(last);
        Assert.False(last.IsClosed);
    }

    private sealed class Sender(DatagramSenders all) : IDatagramSender
    {
        public long LastUsed { get; set; }

        internal bool IsClosed { get; private set; }

        public void Close()
        {
            IsClosed = true;
            all.Remove(this);
        }
    }
}
