using Runcvm.Guest.Devices;

namespace Runcvm.Tests.Devices;

public class GuestClockTests
{
    private const long Second = 1_000_000_000;
    private const long Now = 1_790_000_000 * Second;

    [Theory]
    // It stood still for a minute.
    [InlineData(-60, 0, 0)]
    [InlineData(0, 0, null)]
    // Somebody had set it back by an hour, and then it stood still for a minute.
    [InlineData(-3600 - 60, -3600, -3600)]
    [InlineData(-3600, -3600, null)]
    // Set ahead: left alone, until the host is further.
    [InlineData(3600, 3600, null)]
    [InlineData(-60, 3600, 0)]
    public void It_catches_up_and_keeps_what_it_was_set_back(long own, long difference, object? right)
        => Assert.Equal(
            right == null ? null : Now + Convert.ToInt64(right) * Second,
            GuestClock.Correction(Now, Now + own * Second, difference * Second));
}
