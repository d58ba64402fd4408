using System.Diagnostics;

namespace Runcvm.SystemTests.Engine;

/// <summary>Waits for conditions that announce themselves by no event.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    public static async Task TrueAsync(Func<Task<bool>> condition, string what, TimeSpan? within = null)
    {
        TimeSpan deadline = Patience.Times(within ?? TimeSpan.FromSeconds(30));
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed > deadline) Assert.Fail($"after {deadline.TotalSeconds} s still not: {what}");
            await Task.Delay(Interval);
        }
    }
}
