using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Supervisor;

namespace Runcvm.Tests.Supervisor;

public sealed class AnnouncedProcessesTests : IDisposable
{
    private readonly EventLoop _loop = new();
    private readonly AnnouncedProcesses _announced;

    public AnnouncedProcessesTests() => _announced = new AnnouncedProcesses(_loop, new GuestLink(new Multiplexer()));

    public void Dispose() => _loop.Dispose();

    [Fact]
    public void Who_asks_for_the_same_process_gets_the_one_that_is_ready_and_only_once()
    {
        byte[] first = StartOf("first"), second = StartOf("second");
        Assert.True(_announced.AddAsync(first).IsCompletedSuccessfully);
        Assert.True(_announced.AddAsync(second).IsCompletedSuccessfully);
        Assert.Null(_announced.Take(StartOf("third")));
        uint? id = _announced.Take(StartOf("second"));
        Assert.NotNull(id);
        Assert.NotEqual(Start.Workload, id);
        Assert.NotEqual(id, _announced.Take(first));
        Assert.Null(_announced.Take(second));
        Assert.Null(_announced.Take(first));
    }

    [Fact]
    public void No_more_than_eight_wait_and_none_that_is_large()
    {
        byte[] large = StartOf(new string('x', 70_000));
        Assert.True(_announced.AddAsync(large).IsCompletedSuccessfully);
        Assert.Null(_announced.Take(large));
        for (int i = 0; i < 9; i++) Assert.True(_announced.AddAsync(StartOf("same")).IsCompletedSuccessfully);
        for (int i = 0; i < 8; i++) Assert.NotNull(_announced.Take(StartOf("same")));
        Assert.Null(_announced.Take(StartOf("same")));
    }

    private static byte[] StartOf(string argument)
    {
        var process = new ProcessSpec { Arguments = [argument], Environment = [], WorkingDirectory = "/" };
        return WireBytes.Of(new Start(0, process)).ToArray();
    }
}
