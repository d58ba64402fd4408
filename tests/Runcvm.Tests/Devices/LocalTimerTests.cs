using Runcvm.Guest.Devices;

namespace Runcvm.Tests.Devices;

public class LocalTimerTests
{
    private const string Head = """
        now at 1431000000 nsecs

        Tick Device: mode:     1
        Broadcast device
        Clock Event Device: <NULL>
        tick_broadcast_mask: 0

        Tick Device: mode:     1
        Per CPU device: 0

        """;

    private const string Local = """
        Clock Event Device: lapic
         max_delta_ns:   34359738352
         min_delta_ns:   1000
         mult:           268434382
         shift:          32
         mode:           3

        """;

    [Fact]
    public void A_timer_that_was_measured_well_counts_every_sixteen_nanoseconds()
        => Assert.Equal(1.0 / 16, LocalTimer.Measured(Head + Local), 0.00001);

    [Fact]
    public void A_timer_is_as_fast_as_the_kernel_takes_it_for()
        => Assert.Equal(1.0 / 32, LocalTimer.Measured(Head + Local.Replace("268434382", "134217191")), 0.00001);

    [Theory]
    [InlineData("Clock Event Device: <NULL>\n")]
    [InlineData("Clock Event Device: pit\n max_delta_ns:   27461866\n mult:           5124677\n shift:          32\n")]
    [InlineData("")]
    public void A_timer_that_the_kernel_does_not_use_does_not_count(string device) => Assert.Equal(0, LocalTimer.Measured(Head + device));
}
