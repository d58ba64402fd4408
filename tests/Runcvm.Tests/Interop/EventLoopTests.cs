using Runcvm.Linux.Events;

namespace Runcvm.Tests.Interop;

public class EventLoopTests
{
    [Fact]
    public void What_ends_on_another_thread_after_the_loop_has_ended_does_no_harm()
    {
        var late = new TaskCompletionSource();
        Task waiting = Task.CompletedTask;
        var loop = new EventLoop();
        using (loop)
        {
            loop.Run(() =>
            {
                waiting = WaitAsync();
                return Task.FromResult(0);
            });
        }

        // What is thrown while an awaiter is continued is thrown again on the pool, and ends the program: the tests would not end.
        var thread = new Thread(late.SetResult);
        thread.Start();
        thread.Join();
        Assert.False(waiting.IsCompleted);

        async Task WaitAsync() => await late.Task;
    }
}
