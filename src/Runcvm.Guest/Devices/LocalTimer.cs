using System.Globalization;
using System.Runtime.Intrinsics.X86;
using Runcvm.Protocol;

namespace Runcvm.Guest.Devices;

/// <summary>The timer of each processor, without which a microVM has none: nothing that waits for a time goes on as it should. The kernel of an
/// emulated machine measures it against the host's clock, and where a busy host made that come out wrong it is slow or fast, or off.</summary>
internal static class LocalTimer
{
    /// <summary>How often it counts in a nanosecond: QEMU's interrupt controllers run at 1 GHz (hw/intc/apic.c), and the kernel divides by 16.</summary>
    private const double Frequency = 1.0 / 16;

    // One that is taken for slower rings too early, and the kernel sets it again; one that is taken for faster makes all that waits wait longer.
    private const double LeastGood = 0.8;
    private const double MostGood = 1.1;

    // Below that the kernel does without (APIC frequency too slow), and notes 1 for a multiplier.
    private const double Least = 0.001;

    private const int HypervisorLeaf = 0x40000000;

    /// <exception cref="InvalidDataException">it is off, or wrong</exception>
    internal static void Check()
    {
        if (!IsEmulated()) return;
        double share = Measured(File.ReadAllText("/proc/timer_list")) / Frequency;
        if (share < Least) throw Mistaken("turned its timer off");
        if (share is < LeastGood or > MostGood)
            throw Mistaken(string.Create(CultureInfo.InvariantCulture, $"takes its timer for {share:0.00} times as fast as it is"));
    }

    /// <summary>How often the timer of the first processor counts in a nanosecond, as the kernel believes. 0 where it is not used.</summary>
    /// <param name="timerList">what /proc/timer_list holds</param>
    internal static double Measured(string timerList)
    {
        bool isLocal = false;
        double multiplier = 0;
        foreach (ReadOnlySpan<char> line in timerList.AsSpan().EnumerateLines())
        {
            if (line.StartsWith("Clock Event Device:")) isLocal = line.EndsWith(" lapic");
            else if (isLocal && Value(line, " mult:") is { } mult) multiplier = mult;
            else if (isLocal && Value(line, " shift:") is { } shift) return Math.ScaleB(multiplier, -(int)shift);
        }

        return 0;
    }

    private static InvalidDataException Mistaken(string how)
        => new($"the kernel {how}: {BadTimer.Words}; start the machine again, with less beside it");

    private static long? Value(ReadOnlySpan<char> line, string name)
        => line.StartsWith(name) ? long.Parse(line[name.Length..], NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture) : null;

    private static bool IsEmulated()
    {
        if (!X86Base.IsSupported) return false;
        (_, int b, int c, int d) = X86Base.CpuId(HypervisorLeaf, 0);
        Span<byte> name = stackalloc byte[3 * sizeof(int)];
        BitConverter.TryWriteBytes(name, b);
        BitConverter.TryWriteBytes(name[4..], c);
        BitConverter.TryWriteBytes(name[8..], d);
        return name.SequenceEqual("TCGTCGTCGTCG"u8);
    }
}
