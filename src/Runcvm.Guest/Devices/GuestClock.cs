using System.Diagnostics;

namespace Runcvm.Guest.Devices;

/// <summary>The guest's wall clock, after it may have stood still.</summary>
internal sealed class GuestClock
{
    /// <summary>What a message may be late by, and what nobody notices.</summary>
    private const long Negligible = 500_000_000;

    // Both clocks stand still together. So this changes only where somebody sets the wall clock.
    private long _boot = Boot();

    /// <summary>Sets it to the host's time if it is behind. Who had set it back keeps the difference, and one that is
    /// ahead was set by somebody, or put right by a time service.</summary>
    /// <param name="host">nanoseconds since 1970 UTC</param>
    internal void CatchUp(long host)
    {
        long own = Linux.Machine.Clock;
        // It is right, whoever made it so: a time service that set a fast clock back.
        if (Math.Abs(host - own) <= Negligible) _boot = Boot();
        if (Correction(host, own, Boot() - _boot) is not { } right) return;
        Linux.Machine.SetClock(right);
        _boot = Boot() - (right - host);
    }

    /// <summary>Sets it to the host's time, whatever it was.</summary>
    /// <param name="host">nanoseconds since 1970 UTC</param>
    internal void Set(long host)
    {
        Linux.Machine.SetClock(host);
        _boot = Boot();
    }

    /// <summary>What the clock is to be set to; null leaves it.</summary>
    /// <param name="host">the host's time, like all here in nanoseconds since 1970 UTC</param>
    /// <param name="own">the guest's</param>
    /// <param name="difference">by which the guest's was set ahead since it was the host's; negative if back</param>
    internal static long? Correction(long host, long own, long difference)
    {
        long right = host + Math.Min(difference, 0);
        return right - own > Negligible ? right : null;
    }

    // When the machine's time began, by its wall clock. On Linux a tick of the stopwatch is a nanosecond.
    private static long Boot() => Linux.Machine.Clock - Stopwatch.GetTimestamp();
}
