using Runcvm.Guest.Boot;

namespace Runcvm.Tests.Boot;

public class LocalTimerTests
{
    private const string Head = "           CPU0       CPU1       \n 49:          2          0   IO-APIC   4-edge      ttyS0\n";
    private const string Tail = "SPU:          0          0   Spurious interrupts\nRES:          5         38   Rescheduling interrupts\n";

    [Theory]
    [InlineData("LOC:          0          0   Local timer interrupts\n", true)]
    [InlineData("LOC:        210          0   Local timer interrupts\n", false)]
    [InlineData("LOC:          0         87   Local timer interrupts\n", false)]
    [InlineData("", false)]
    public void A_timer_that_never_ticked_is_off_and_one_that_the_processor_has_not_is_not(string line, bool off)
        => Assert.Equal(off, LocalTimer.IsOff(Head + line + Tail));

    [Fact]
    public void The_one_of_this_machine_ticks() => LocalTimer.Check();
}
