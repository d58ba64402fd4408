using Runcvm.Linux.Events;
using Runcvm.Sandbox;
using Runcvm.Supervisor;
using Runcvm.Tests.Images;

namespace Runcvm.Tests.Supervisor;

public sealed class BootTurnTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly EventLoop _loop = new();

    public void Dispose()
    {
        _loop.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void As_many_boot_as_there_are_processors_and_the_next_when_one_has_booted()
    {
        BootTurns.Ensure(_folder.Path(""));
        BootTurns.Ensure(_folder.Path(""));
        int places = Directory.GetFiles(_folder.Path("")).Length;
        Assert.Equal(Environment.ProcessorCount, places);
        _loop.Run(async () =>
        {
            var taken = new List<BootTurn>();
            for (int i = 0; i < places; i++) taken.Add((await BootTurn.TakeAsync(_loop, _folder.Path("")))!);
            Task<BootTurn?> next = BootTurn.TakeAsync(_loop, _folder.Path(""));
            Assert.False(next.IsCompleted);
            foreach (BootTurn turn in taken) turn.Dispose();
            (await next)!.Dispose();
            return 0;
        });
    }

    [Fact]
    public void Where_nobody_made_places_nobody_waits()
        => _loop.Run(async () =>
        {
            Assert.Null(await BootTurn.TakeAsync(_loop, _folder.Path("")));
            return 0;
        });
}
