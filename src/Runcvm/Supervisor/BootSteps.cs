using System.Globalization;
using Runcvm.Linux;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>The steps of a start that the supervisor sees, and how they are shown.</summary>
internal static class BootSteps
{
    internal const string Runtime = "engine and low-level runtime";
    internal const string Network = "sandbox's network";
    internal const string Turn = "waiting for others that boot";
    internal const string GivenUp = "a boot that the guest gave up";
    internal const string Hypervisor = "hypervisor";
    internal const string Kernel = "guest kernel and init";
    internal const string Workload = "guest's root and workload";

    /// <summary>The guest knows how long its kernel has been running; what came before was the hypervisor's.</summary>
    internal static void AddHello(Timeline timeline, Hello hello)
    {
        long now = Timeline.Now;
        // A guest may claim anything; it cannot have run for longer than its hypervisor.
        long began = timeline.Steps.Count == 0 ? now : timeline.Steps[^1].EndNanoseconds;
        timeline.EndedAt(Hypervisor, Math.Max(began, now - (hello.BootMilliseconds * 1_000_000L)));
        timeline.EndedAt(Kernel, now);
    }

    /// <summary>Steps and how long each took, from those of `create` and of the supervisor.</summary>
    internal static IReadOnlyList<(string Name, double Milliseconds)> Durations(IEnumerable<BootStep> steps)
    {
        var durations = new List<(string, double)>();
        BootStep? before = null;
        foreach (BootStep step in steps.OrderBy(static step => step.EndNanoseconds))
        {
            if (before != null) durations.Add((step.Name, (step.EndNanoseconds - before.EndNanoseconds) / 1e6));
            before = step;
        }

        return durations;
    }

    internal static void Report(MachineLog log, Timeline timeline)
    {
        if (!log.ShowsDebug) return;
        foreach ((string name, double milliseconds) in Durations([.. OfCreate(), .. timeline.Steps]))
            log.Debug(string.Create(CultureInfo.InvariantCulture, $"start: {milliseconds,8:F1} ms  {name}"));
    }

    private static IReadOnlyList<BootStep> OfCreate()
    {
        try
        {
            return WireBytes.Read<MachineRecord>(File.ReadAllBytes(MachineFolder.InSandbox.Record)).Steps;
        }
        catch (Exception e) when (e is LinuxException or IOException)
        {
            // Started by something that wrote no record: the supervisor's own part is shown.
            return [];
        }
    }
}
