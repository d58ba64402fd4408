using System.Diagnostics;
using Runcvm.Protocol.Messages;

namespace Runcvm.Sandbox;

/// <summary>Where the time of a start goes. Costs a look at the clock for each step.</summary>
internal sealed class Timeline
{
    /// <summary>The first entry of a start: not a step, but where the first one begins.</summary>
    internal const string Begin = "begin";

    private readonly List<BootStep> _steps = [];

    internal IReadOnlyList<BootStep> Steps => _steps;

    /// <summary>The monotonic clock in nanoseconds.</summary>
    internal static long Now => Stopwatch.GetTimestamp() * (1_000_000_000 / Stopwatch.Frequency);

    /// <summary>What was done from the end of the step before until now.</summary>
    internal void Ended(string step) => EndedAt(step, Now);

    internal void EndedAt(string step, long nanoseconds) => _steps.Add(new BootStep(step, nanoseconds));
}
