using System.Diagnostics;

namespace Runcvm.SystemTests.Engine;

/// <summary>Waits for conditions that announce themselves by no event.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>The same for a text, whose difference is shown if it stays another.</summary>
    public static async Task EqualAsync(string expected, Func<Task<string>> actual, TimeSpan? within = null)
    {
        TimeSpan deadline = Patience.Times(within ?? TimeSpan.FromSeconds(30));
        var clock = Stopwatch.StartNew();
        string last;
        while ((last = await actual()) != expected && clock.Elapsed < deadline) await Task.Delay(Interval);
        Assert.Equal(expected, last);
    }

    public static async Task TrueAsync(Func<Task<bool>> condition, string what, TimeSpan? within = null, Func<string>? seen = null)
    {
        TimeSpan deadline = Patience.Times(within ?? TimeSpan.FromSeconds(30));
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed > deadline) Assert.Fail($"after {deadline.TotalSeconds} s still not: {what}{(seen is null ? "" : $"; instead: {seen()}")}");
            await Task.Delay(Interval);
        }
    }
}
