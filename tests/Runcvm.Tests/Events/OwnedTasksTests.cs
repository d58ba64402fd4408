using Runcvm.Linux.Events;

namespace Runcvm.Tests.Events;

public class OwnedTasksTests
{
    [Fact]
    public async Task Their_owner_ends_with_the_main_one()
    {
        var tasks = new OwnedTasks();
        tasks.Add(new TaskCompletionSource().Task);
        tasks.Add(Task.CompletedTask);
        await tasks.UntilAsync(Task.CompletedTask);
        Assert.False(tasks.Failed.IsCompleted);
    }

    [Fact]
    public async Task The_first_failure_reaches_their_owner_as_it_was_thrown()
    {
        var tasks = new OwnedTasks();
        var first = new TaskCompletionSource();
        var second = new TaskCompletionSource();
        tasks.Add(first.Task);
        tasks.Add(second.Task);
        Task owner = tasks.UntilAsync(new TaskCompletionSource().Task);
        second.SetException(new InvalidDataException("second"));
        first.SetException(new InvalidDataException("first"));
        Assert.Equal("second", (await Assert.ThrowsAsync<InvalidDataException>(() => owner)).Message);
    }

    [Fact]
    public void Who_owns_one_task_is_told_what_it_failed_with_and_nothing_else()
    {
        var told = new List<string>();
        Task.FromException(new InvalidDataException("before")).OnFailure(Tell);
        Task.CompletedTask.OnFailure(Tell);
        Assert.Equal(["before"], told);
        using var loop = new EventLoop();
        loop.Run(async () =>
        {
            var later = new TaskCompletionSource();
            later.Task.OnFailure(Tell);
            later.SetException(new InvalidDataException("after"));
            await loop.DelayAsync(TimeSpan.Zero);
            return 0;
        });
        Assert.Equal(["before", "after"], told);

        void Tell(Exception failure) => told.Add(failure.Message);
    }
}
