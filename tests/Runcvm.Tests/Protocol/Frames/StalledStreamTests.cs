using Runcvm.Protocol.Frames;

namespace Runcvm.Tests.Protocol.Frames;

/// <summary>A stream that its other side does not read at all.</summary>
public class StalledStreamTests
{
    private const int Most = 1024 * 1024;

    private readonly Multiplexer _multiplexer = new();
    private readonly TaskCompletionSource<int> _never = new();
    private readonly List<int> _written = [];
    private TaskCompletionSource _stall = new();
    private Task? _run;

    [Fact]
    public void However_many_channels_come_and_go_little_waits_for_it()
    {
        Begin();
        int sent = 0;
        var writing = new List<Task>();
        for (uint id = 1; id <= 500; id++)
        {
            Channel channel = _multiplexer.Open(id);
            Task write = channel.WriteAsync(new byte[Channel.Window]).AsTask();
            if (write.IsCompletedSuccessfully) sent++;
            writing.Add(write);
            channel.Close();
        }

        Assert.InRange(sent, 1, Most / Channel.Window);
        // Those that are closed do not wait for a stream that may never move.
        Assert.All(writing, static write => Assert.True(write.IsCompleted));
    }

    [Fact]
    public void All_who_wait_go_on_when_it_moves_again()
    {
        Begin();
        Task[] writing = [.. Enumerable.Range(1, 50).Select(WriteAsync)];
        Assert.Contains(writing, static write => !write.IsCompleted);
        TaskCompletionSource stall = _stall;
        _stall = new TaskCompletionSource();
        _stall.SetResult();
        stall.SetResult();
        Assert.All(writing, static write => Assert.True(write.IsCompletedSuccessfully));
        Assert.InRange(_written.Sum(), 50 * Channel.Window, 51 * Channel.Window);
    }

    [Fact]
    public async Task Who_waits_learns_that_it_is_gone()
    {
        Begin();
        Task[] writing = [.. Enumerable.Range(1, 50).Select(WriteAsync)];
        _never.SetResult(0);
        _stall.SetResult();
        await _run!;
        Assert.Contains(writing, static write => write.IsFaulted);
        Assert.All(writing, static write => Assert.True(write.IsCompleted));
    }

    private Task WriteAsync(int id) => _multiplexer.Open((uint)id).WriteAsync(new byte[Channel.Window]).AsTask();

    private void Begin()
    {
        SynchronizationContext.SetSynchronizationContext(null);
        _run = _multiplexer.RunAsync(_ => new ValueTask<int>(_never.Task), async bytes =>
        {
            _written.Add(bytes.Length);
            await _stall.Task;
        });
    }
}
