using Runcvm.Linux.Events;
using Runcvm.Sandbox;
using Runcvm.Supervisor;

namespace Runcvm.Tests.Supervisor;

public sealed class BootWatchTests : IDisposable
{
    private readonly EventLoop _loop = new();

    public void Dispose() => _loop.Dispose();

    [Fact]
    public void A_hypervisor_that_answers_nothing_does_not_keep_the_time_from_passing()
    {
        var machine = new SilentMachine();
        UsageException e = Assert.Throws<UsageException>(() => Wait(machine, BootWatch.Never));
        Assert.StartsWith("the guest did not answer within 1 s", e.Message, StringComparison.Ordinal);
        Assert.EndsWith("RUNCVM_KERNEL_DEBUG=1 shows how far it came", e.Message, StringComparison.Ordinal);
        Assert.Equal(1, machine.Resets);
    }

    [Fact]
    public void A_failure_of_what_the_guest_waits_for_ends_the_wait_with_its_reason()
        => Assert.Equal("no files", Assert.Throws<UsageException>(() => Wait(new SilentMachine(), Task.FromException(new UsageException("no files")))).Message);

    private void Wait(SilentMachine machine, Task failure)
        => _loop.Run(async () =>
        {
            var description = new MachineDescription { Hypervisor = "/hypervisor", HypervisorUser = 1900000000, KernelCommandLine = "", BootTimeout = 1 };
            await new BootWatch(_loop, description, machine, new LastWords(), new Timeline(), new MachineLog(0)).AwaitAsync(BootWatch.Never, BootWatch.Never, failure);
            return 0;
        });
}
