using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Tests.Supervisor;

/// <summary>A machine that is saved while it runs.</summary>
public class MachineSavingTests
{
    [Fact]
    public void It_stands_still_until_the_client_hangs_up() => SupervisorTrial.Run(static async trial =>
    {
        trial.StartWorkload();
        using SupervisorClient client = trial.Connect();
        using AsyncFile file = await AskAsync(trial, client);
        await trial.GuestExpectsAsync<Hold>();
        // Said in the pause: it comes after it.
        Task later = trial.Link.SendAsync(new Resize(1, 2, 3));
        trial.Saving.Deliver(new Held(""));
        Assert.Equal(new MachineSaved("", true, 2), (await client.ReceiveAsync())!.Value.Read<MachineSaved>());
        byte[] buffer = new byte[100];
        Assert.Equal("machine", Encoding.ASCII.GetString(buffer, 0, await file.ReadAsync(buffer)));
        Assert.Equal(0, await file.ReadAsync(buffer));
        Assert.Equal((0, false), (trial.Continued, later.IsCompleted));
        client.Dispose();
        Assert.Equal(new Resize(1, 2, 3), await trial.GuestExpectsAsync<Resize>());
        Assert.True((await trial.GuestExpectsAsync<Adjust>()).Clock > 0);
        Assert.Equal([false], trial.Spoken);
        Assert.Equal(1, trial.Continued);
    });

    [Fact]
    public void A_guest_that_cannot_be_held_says_why_and_goes_on() => SupervisorTrial.Run(static async trial =>
    {
        trial.StartWorkload();
        using SupervisorClient client = trial.Connect();
        using AsyncFile file = await AskAsync(trial, client);
        await trial.GuestExpectsAsync<Hold>();
        trial.Saving.Deliver(new Held("too\u001b busy"));
        string failure = (await client.ReceiveAsync())!.Value.Read<MachineSaved>().Failure;
        Assert.Contains("busy", failure);
        Assert.DoesNotContain('\u001b', failure);
        client.Dispose();
        await trial.GuestExpectsAsync<Adjust>();
        Assert.Equal([false], trial.Spoken);
    });

    [Fact]
    public void A_client_that_gives_up_does_not_leave_it_standing() => SupervisorTrial.Run(static async trial =>
    {
        trial.StartWorkload();
        using (SupervisorClient client = trial.Connect())
        {
            using AsyncFile file = await AskAsync(trial, client);
            await trial.GuestExpectsAsync<Hold>();
        }

        await trial.GuestExpectsAsync<Adjust>();
        Assert.Equal(1, trial.Continued);
        using SupervisorClient other = trial.Connect();
        using AsyncFile another = await AskAsync(trial, other);
        Assert.Contains("has not answered", (await other.ReceiveAsync())!.Value.Read<MachineSaved>().Failure);
        // It answers at last, and the next one is served.
        trial.Saving.Deliver(new Held(""));
        Assert.Throws<WireFormatException>(() => trial.Saving.Deliver(new Held("")));
        using SupervisorClient third = trial.Connect();
        using AsyncFile its = await AskAsync(trial, third);
        await trial.GuestExpectsAsync<Hold>();
        trial.Saving.Deliver(new Held(""));
        Assert.Equal("", (await third.ReceiveAsync())!.Value.Read<MachineSaved>().Failure);
    });

    [Fact]
    public void A_client_that_gives_up_while_it_is_saved_does_not_wake_it_too_early()
        => SupervisorTrial.Run(static async trial =>
    {
        trial.StartWorkload();
        var saved = new TaskCompletionSource();
        trial.Machine.IsSaved = saved.Task;
        using (SupervisorClient client = trial.Connect())
        {
            using AsyncFile file = await AskAsync(trial, client);
            await trial.GuestExpectsAsync<Hold>();
            trial.Saving.Deliver(new Held(""));
        }

        // Another one is told so, and by then the first has been seen to hang up.
        using SupervisorClient other = trial.Connect();
        using AsyncFile its = await AskAsync(trial, other);
        Assert.Equal("somebody else saves it", (await other.ReceiveAsync())!.Value.Read<MachineSaved>().Failure);
        Assert.Equal(0, trial.Continued);
        saved.SetResult();
        await trial.GuestExpectsAsync<Adjust>();
        Assert.Equal(1, trial.Continued);
    });

    [Fact]
    public void One_without_a_workload_is_not_saved() => SupervisorTrial.Run(static async trial =>
    {
        using SupervisorClient client = trial.Connect();
        using AsyncFile file = await AskAsync(trial, client);
        Assert.Contains("does not run", (await client.ReceiveAsync())!.Value.Read<MachineSaved>().Failure);
    });

    private static async Task<AsyncFile> AskAsync(SupervisorTrial trial, SupervisorClient client)
    {
        (SafeFileHandle ours, SafeFileHandle theirs) = FileDescriptor.Pipe();
        using (theirs) await client.SendAsync(new SaveMachine(), theirs);
        return trial.Watch(ours);
    }
}
