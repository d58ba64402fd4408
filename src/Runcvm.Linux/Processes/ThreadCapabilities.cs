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
    public static CapabilitySet Permitted()
        => new(ThreadStatus.SetsOfAll("CapPrm").Aggregate(0UL, static (all, set) => all | set));

    private static void DropHere()
    {
        var effective = new CapabilitySet(ThreadStatus.SetHere("CapEff"));
        if (effective.Contains(CapabilitySet.Of(["CAP_SETPCAP"]))) CapabilitySet.Empty.LimitBounding();
        CapabilitySet.Apply(CapabilitySet.Empty, CapabilitySet.Empty, CapabilitySet.Empty);
    }
}
