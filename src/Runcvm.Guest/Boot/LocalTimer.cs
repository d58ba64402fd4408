namespace Runcvm.Guest.Boot;

/// <summary>The timer of each processor, without which a microVM has none: nothing that waits for a time ever goes on. The kernel of an
/// emulated machine measures it against the host's clock, and turns it off where a busy host made that come out wrong.</summary>
internal static class LocalTimer
{
    /// <summary>Whether it has never ticked.</summary>
    /// <param name="interrupts">what /proc/interrupts holds; only that of x86 has a line for this timer</param>
    internal static bool IsOff(string interrupts)
    {
        foreach (ReadOnlySpan<char> line in interrupts.AsSpan().EnumerateLines())
        {
            ReadOnlySpan<char> row = line.TrimStart();
            if (!row.StartsWith("LOC:")) continue;
            ReadOnlySpan<char> counts = row["LOC:".Length..].TrimStart();
            return counts.TrimStart("0 ").StartsWith("Local");
        }

        return false;
    }

    /// <exception cref="InvalidDataException">it is off</exception>
    internal static void Check()
    {
        if (IsOff(File.ReadAllText("/proc/interrupts")))
            throw new InvalidDataException("the kernel turned its timer off: the host was too busy while it measured it; start the machine again, with less beside it");
    }
}
