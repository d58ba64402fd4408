using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Runcvm.Egress;
using Runcvm.Linux.Bpf;
using Runcvm.Linux.Events;

namespace Runcvm.Operating;

/// <summary>`runcvm egress MACHINE --follow`: refusals, and connections that are allowed, as they come, until the
/// machine ends. The kernel's tables are looked at each second: they tell how often something was refused, so that
/// nothing is missed but what more than a thousand others have driven out within one.</summary>
internal sealed class EgressFollowing(TextWriter output, KnownMachine machine, bool asJson)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly List<Watched> _policies = [];

    internal void Run()
    {
        foreach (LoadedPolicy policy in EgressChanges.Of(machine))
            if (policy.TryOpen() is { } maps) _policies.Add(new Watched(maps));
        if (_policies.Count == 0 || machine.ProcessId == null)
            throw new UsageException($"machine {machine.ShortId} does not run, or has no policy that refuses anything");
        using var loop = new EventLoop();
        loop.Run(async () =>
        {
            Look(tell: false);
            do
            {
                await loop.DelayAsync(Interval);
                Look(tell: true);
            }
            while (machine.Folder.IsRunning);

            return 0;
        });
    }

    private void Look(bool tell)
    {
        foreach (Watched policy in _policies)
        {
            foreach ((EgressState.Refusal refusal, long packets) in policy.NewRefusals())
                if (tell) Tell("refused", refusal, packets);
        }

        // What one lets pass the next one may refuse.
        foreach (EgressState.Refusal flow in _policies[^1].NewFlows())
            if (tell) Tell("allowed", flow, 0);
        output.Flush();
    }

    private void Tell(string verdict, EgressState.Refusal target, long packets)
    {
        DateTime now = DateTime.UtcNow;
        if (!asJson)
        {
            string times = packets > 1 ? $" ({packets} packets)" : "";
            string clock = now.ToString("HH:mm:ss", CultureInfo.InvariantCulture);
            output.WriteLine($"{clock} {verdict} {target.Rule}{times}");
            return;
        }

        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("time", now);
            json.WriteString("verdict", verdict);
            json.WriteString("address", target.Address);
            json.WriteNumber("port", target.Port);
            json.WriteString("protocol", target.Protocol);
            json.WriteString("rule", target.Rule);
            if (packets > 0) json.WriteNumber("packets", packets);
            json.WriteEndObject();
        }

        output.WriteLine(Encoding.UTF8.GetString(bytes.WrittenSpan));
    }

    // One policy's tables, and what was in them at the last look: no more than they hold.
    private sealed class Watched(IReadOnlyList<KernelMap> maps)
    {
        private Dictionary<string, long> _refused = [];
        private HashSet<string> _flows = [];

        internal IReadOnlyList<(EgressState.Refusal Refusal, long Packets)> NewRefusals()
        {
            var seen = new Dictionary<string, long>();
            var changed = new List<(EgressState.Refusal, long)>();
            foreach (EgressState.Refusal refusal in EgressState.RefusalsIn(maps))
            {
                string key = refusal.Rule;
                seen[key] = refusal.Count;
                long before = _refused.GetValueOrDefault(key);
                // One that was driven out meanwhile begins anew.
                if (refusal.Count != before)
                    changed.Add((refusal, refusal.Count > before ? refusal.Count - before : refusal.Count));
            }

            _refused = seen;
            return changed;
        }

        internal IReadOnlyList<EgressState.Refusal> NewFlows()
        {
            var seen = new HashSet<string>();
            var begun = new List<EgressState.Refusal>();
            foreach ((string key, EgressState.Refusal target) in EgressState.FlowsIn(maps))
            {
                seen.Add(key);
                if (!_flows.Contains(key)) begun.Add(target);
            }

            _flows = seen;
            return begun;
        }
    }
}
