using System.Diagnostics;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Sandbox;
using Runcvm.Supervisor;
using Runcvm.Tests.Images;

namespace Runcvm.Tests.Supervisor;

public sealed class BootTurnTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TemporaryFolder _recent = new();
    private readonly EventLoop _loop = new();

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public void Dispose()
    {
        _loop.Dispose();
        _folder.Dispose();
        _recent.Dispose();
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
            for (int i = 0; i < places; i++) taken.Add((await BootTurn.TakeAsync(_loop, Patience, _folder.Path("")))!);
            Task<BootTurn?> next = BootTurn.TakeAsync(_loop, Patience, _folder.Path(""));
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
            Assert.Null(await BootTurn.TakeAsync(_loop, Patience, _folder.Path("")));
            return 0;
        });

    [Fact]
    public void Who_holds_every_place_for_ever_costs_another_machine_its_patience_and_no_more()
    {
        BootTurns.Ensure(_folder.Path(""));
        // Another process, as another sandbox is.
        string script = "for place; do flock $place sleep 1000 & done; wait";
        using Process holder = Process.Start("sh", ["-c", script, "sh", .. Directory.GetFiles(_folder.Path(""))]);
        try
        {
            Assert.True(SpinWait.SpinUntil(AllAreHeld, TimeSpan.FromSeconds(20)));
            var patience = TimeSpan.FromSeconds(BootTurns.PatienceOfNew(_recent.Path("file")));
            Assert.Equal(5, patience.TotalSeconds);
            var clock = Stopwatch.StartNew();
            _loop.Run(async () =>
            {
                Assert.Null(await BootTurn.TakeAsync(_loop, patience, _folder.Path("")));
                return 0;
            });
            Assert.InRange(clock.Elapsed, patience, patience * 2);
        }
        finally
        {
            holder.Kill(entireProcessTree: true);
            holder.WaitForExit();
        }
    }

    private bool AllAreHeld() => Directory.GetFiles(_folder.Path("")).All(static path =>
    {
        using var place = FileDescriptor.Open(path, OpenFlags.ReadOnly);
        return !FileDescriptor.TryLock(place);
    });

    [Fact]
    public void A_machine_waits_for_as_long_as_those_made_shortly_before_may_take()
    {
        string recent = _folder.Path("recent");
        int Of(long now) => BootTurns.PatienceOfNew(recent, now);
        Assert.Equal(5, Of(1_000_000));
        Assert.Equal(Math.Min(60, 5 + (20 / Environment.ProcessorCount)), Of(1_000_001));
        int last = 0;
        for (int i = 0; i < 20; i++) last = Of(1_000_002 + i);
        Assert.Equal(Math.Min(60, 5 + (21 * 20 / Environment.ProcessorCount)), last);
        for (int i = 0; i < 2000; i++) last = Of(1_001_000);
        Assert.Equal(60, last);
        Assert.True(new FileInfo(recent).Length <= 1024 * 8);
        Assert.Equal(5, Of(1_021_001));
        // After a new start of the host its clock begins anew.
        Assert.Equal(5, Of(1));
    }
}
