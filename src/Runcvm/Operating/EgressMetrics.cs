using Runcvm.Egress;

namespace Runcvm.Operating;

/// <summary>Figures of the policies of what machines may reach.</summary>
internal static class EgressMetrics
{
    private const string Prefix = "runcvm_machine_egress_";

    internal static void AddTo(Metrics metrics, IEnumerable<(KnownMachine Machine, (string, string)[] Labels)> machines)
    {
        var states = (
            from item in machines
            from policy in EgressChanges.Of(item.Machine)
            let state = EgressState.TryOf(policy)
            where state != null
            let labels = ((string, string)[])[.. item.Labels, ("policy", Word(policy.Origin))]
            select (Labels: labels, State: state)).ToList();
        Add("flows_allowed_total", "counter", "Connections that the machine was allowed to begin.",
            static state => state.Counted.FlowsAllowed);
        Add("packets_refused_total", "counter", "Packets that no rule allows.",
            static state => state.Counted.PacketsRefused);
        Add("frames_dropped_total", "counter", "Frames that no rule can be about.",
            static state => state.Counted.FramesDropped);
        Add("names_refused_total", "counter", "Questions for names that were not asked.",
            static state => state.Counted.NamesRefused);
        Add("addresses_of_names", "gauge", "Addresses that are open for a name now.", static state => state.Open.Count);

        void Add(string name, string type, string help, Func<EgressState, long> value)
            => metrics.Add(Prefix + name, type, help, states.Select(item => (item.Labels, (double)value(item.State))));
    }

    private static string Word(EgressOrigin origin) => origin == EgressOrigin.Container ? "container" : "host";
}
