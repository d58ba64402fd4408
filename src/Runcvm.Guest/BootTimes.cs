using System.Diagnostics;

namespace Runcvm.Guest;

/// <summary>When each part of the boot was done, by the guest's own clock, which begins with its kernel.</summary>
internal sealed class BootTimes
{
    private readonly List<(string Part, long Ticks)> _done = [];

    internal void Done(string part) => _done.Add((part, Stopwatch.GetTimestamp()));

    public override string ToString()
        => "milliseconds since the kernel's start: " + string.Join(", ", _done.Select(static item => $"{item.Part} {item.Ticks * 1000 / Stopwatch.Frequency}"));
}
