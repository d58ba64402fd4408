using Runcvm.Supervisor;

namespace Runcvm.Tests.Supervisor;

public class TurnsTests
{
    [Fact]
    public void Who_finds_none_waits_for_one_first_come_first_served()
    {
        SynchronizationContext.SetSynchronizationContext(null);
        var turns = new Turns(2);
        Turns.Turn[] all = [.. Enumerable.Range(0, 4).Select(_ => turns.NotYet())];
        Task[] taken = [.. all.Select(static turn => turn.TakeAsync())];
        Assert.Equal([true, true, false, false], taken.Select(static task => task.IsCompleted));
        all[1].Dispose();
        all[1].Dispose();
        Assert.Equal([true, true, true, false], taken.Select(static task => task.IsCompleted));
        // One that was never taken gives nothing back.
        turns.NotYet().Dispose();
        Assert.False(taken[3].IsCompleted);
        all[0].Dispose();
        Assert.True(taken[3].IsCompleted);
    }
}
