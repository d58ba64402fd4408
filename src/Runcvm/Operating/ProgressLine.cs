using System.Diagnostics;

namespace Runcvm.Operating;

/// <summary>Shows on a terminal that long work is going on, and for how long; says it once in a line where there is none.
/// On standard error, so that the output stays what it is.</summary>
internal static class ProgressLine
{
    private const string EraseLine = "\r\e[K";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    internal static T Around<T>(string what, bool isLong, Func<T> work)
    {
        if (!isLong) return work();
        if (Console.IsErrorRedirected)
        {
            Console.Error.WriteLine($"{what} …");
            return work();
        }

        var clock = Stopwatch.StartNew();
        const string Spinner = "|/-\\";
        int turn = 0;
        var timer = new Timer(_ => Console.Error.Write($"{EraseLine}{Spinner[turn++ % Spinner.Length]} {what}, {clock.Elapsed.TotalSeconds:F0} s"), null, Interval, Interval);
        try
        {
            return work();
        }
        finally
        {
            // Waits for a call that is under way: it would write its line after this one.
            timer.DisposeAsync().AsTask().GetAwaiter().GetResult();
            Console.Error.Write(EraseLine);
        }
    }
}
