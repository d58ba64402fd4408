using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;
using Runcvm.Machines;
using Runcvm.Supervisor;

namespace Runcvm.Tests.Supervisor;

public sealed class DiskWatchTests : IDisposable
{
    private static readonly DiskError Full = new("scratch", "write", "No space left on device", Stops: true);

    private readonly EventLoop _loop = new();
    private readonly List<string> _said = [];
    private int _clocks;

    public void Dispose() => _loop.Dispose();

    [Fact]
    public void A_machine_whose_disk_is_full_goes_on_when_there_is_room_and_learns_the_time()
    {
        int tries = 0;
        SilentMachine? machine = null;
        machine = new SilentMachine { WhenContinued = () => FullAgain(machine!, ++tries < 3) };
        Watch(machine, () => machine.Fail(Full), static said => said.Count == 2);
        Assert.Equal(3, tries);
        Assert.Equal(1, _clocks);
        Assert.Equal("the host has no room for the machine's disk scratch (No space left on device): the machine waits until there is some", _said[0]);
        Assert.Equal("the machine goes on: there is room for its disk scratch", _said[1]);
    }

    [Fact]
    public void An_error_that_the_guest_was_told_of_stands_in_the_log_once_however_often_it_comes()
    {
        var machine = new SilentMachine { WhenContinued = static () => Assert.Fail("it was not stopped") };
        Watch(machine, Fail, static said => said.Count > 0);
        Assert.Equal("a write of the machine's disk data failed on the host, and the guest was told: Input/output error", Assert.Single(_said));

        void Fail()
        {
            for (int i = 0; i < 100; i++) machine.Fail(new DiskError("data", "write", "Input/output error", Stops: false));
        }
    }

    [Fact]
    public void A_machine_that_ends_while_it_waits_ends_the_watch()
    {
        var machine = new SilentMachine { WhenContinued = static () => Assert.Fail("it has ended") };
        Watch(machine, () => machine.Fail(Full), static said => said.Count == 1);
    }

    private static void FullAgain(SilentMachine machine, bool isFull)
    {
        if (isFull) machine.Fail(Full);
    }

    private void Watch(SilentMachine machine, Action fail, Func<List<string>, bool> isEnough)
        => _loop.Run(async () =>
        {
            Task watching = new DiskWatch(_loop, machine, SetClock, Tell).RunAsync();
            fail();
            await watching;
            return 0;

            Task SetClock()
            {
                _clocks++;
                return Task.CompletedTask;
            }

            void Tell(string line)
            {
                _said.Add(line);
                if (isEnough(_said)) machine.End.TrySetResult(new ExitStatus(0, 0));
            }
        });
}
