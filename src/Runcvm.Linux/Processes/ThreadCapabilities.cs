using System.Globalization;

namespace Runcvm.Linux.Processes;

/// <summary>Capabilities belong to a thread and not to a process (capabilities(7)), so a process gives them up thread by thread.</summary>
public static class ThreadCapabilities
{
    /// <summary>Takes every capability, and the whole bounding set where CAP_SETPCAP is still there, from the calling thread and from the
    /// runtime's finalizer thread. Threads that were started with capabilities of their own keep those.</summary>
    public static void Drop()
    {
        FinalizerThread.Run(DropHere);
        DropHere();
    }

    /// <summary>Union of the permitted sets of all threads of this process.</summary>
    public static CapabilitySet Permitted() => Union("CapPrm:\t");

    /// <summary>Union of the bounding sets of all threads of this process.</summary>
    public static CapabilitySet Bounding() => Union("CapBnd:\t");

    private static void DropHere()
    {
        if (Permits(CapabilitySet.Of(["CAP_SETPCAP"]))) CapabilitySet.Empty.LimitBounding();
        CapabilitySet.Apply(CapabilitySet.Empty, CapabilitySet.Empty, CapabilitySet.Empty);
    }

    private static bool Permits(CapabilitySet wanted)
        => new CapabilitySet(In(File.ReadAllText("/proc/thread-self/status"), "CapEff:\t")).Contains(wanted);

    private static CapabilitySet Union(string label)
    {
        ulong all = 0;
        foreach (string thread in Directory.GetDirectories("/proc/self/task"))
        {
            try
            {
                all |= In(File.ReadAllText(thread + "/status"), label);
            }
            catch (IOException)
            {
                // The thread has ended meanwhile, and its capabilities with it.
            }
        }

        return new CapabilitySet(all);
    }

    private static ulong In(string status, string label)
    {
        int start = status.IndexOf(label, StringComparison.Ordinal) + label.Length;
        return ulong.Parse(status.AsSpan(start, 16), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
