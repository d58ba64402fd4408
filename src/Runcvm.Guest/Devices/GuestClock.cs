namespace Runcvm.Guest.Devices;

/// <summary>The guest's wall clock, after it may have stood still.</summary>
internal static class GuestClock
{
    /// <summary>What a message may be late by, and what nobody notices.</summary>
    private const long Negligible = 500_000_000;

    /// <summary>Sets it to the host's time if it is behind. One that is ahead was set by somebody.</summary>
    /// <param name="host">nanoseconds since 1970 UTC</param>
    internal static void CatchUp(long host)
    {
        long own = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
        if (host - own > Negligible) Linux.Machine.SetClock(host);
    }
}
