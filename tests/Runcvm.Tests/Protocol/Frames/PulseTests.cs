using Runcvm.Protocol.Frames;

namespace Runcvm.Tests.Protocol.Frames;

public class PulseTests
{
    [Fact]
    public void All_who_wait_continue_on_the_thread_that_sets_it()
    {
        SynchronizationContext.SetSynchronizationContext(null);
        var pulse = new Pulse();
        var threads = new List<int>();
        for (int i = 0; i < 3; i++) _ = Wait();
        pulse.Set();
        Assert.Equal(Enumerable.Repeat(Environment.CurrentManagedThreadId, 3), threads);

        async Task Wait()
        {
            await pulse.WaitAsync();
            threads.Add(Environment.CurrentManagedThreadId);
        }
    }

    [Fact]
    public void Who_waits_again_waits_for_the_next_time()
    {
        SynchronizationContext.SetSynchronizationContext(null);
        var pulse = new Pulse();
        int rounds = 0;
        _ = Loop();
        _ = Loop();
        pulse.Set();
        Assert.Equal(2, rounds);
        pulse.Set();
        Assert.Equal(4, rounds);

        async Task Loop()
        {
            while (true)
            {
                await pulse.WaitAsync();
                rounds++;
            }
        }
    }
}
