using System.Globalization;
using System.Text.Json;
using Runcvm.Egress;

namespace Runcvm.Operating;

/// <summary>`runcvm egress`: a machine's policies, and what they have refused.</summary>
internal static class EgressVerb
{
    internal static int Run(TextWriter output, string name, string[] change, bool follows, bool policy, bool asJson)
    {
        KnownMachine machine = KnownMachine.Find(name);
        if ((change.Length > 0 ? 1 : 0) + (follows ? 1 : 0) + (policy ? 1 : 0) > 1)
            throw new UsageException("runcvm egress: a change, --follow and --policy are three things; say one");
        if (change.Length > 0) new EgressChanges(machine).Run(change);
        else if (follows) new EgressFollowing(output, machine, asJson).Run();
        else if (policy) EgressLearning.Print(output, Console.Error, machine);
        else Show(output, machine, asJson);
        return 0;
    }

    private static void Show(TextWriter output, KnownMachine machine, bool asJson)
    {
        IReadOnlyList<LoadedPolicy> loaded = EgressChanges.Of(machine);
        IReadOnlyList<string> policies = [.. loaded.Select(static policy => policy.Text)];
        IReadOnlyList<EgressState?> states = [.. loaded.Select(EgressState.TryOf)];
        if (asJson) WriteJson(output, machine, policies, states);
        else WriteText(output, policies, states);
    }

    private static void WriteText(TextWriter output, IReadOnlyList<string> policies, IReadOnlyList<EgressState?> states)
    {
        if (policies.Count == 0) output.WriteLine("open: there is no policy for this machine");
        for (int i = 0; i < policies.Count; i++)
        {
            output.WriteLine($"policy: {policies[i]}");
            if (states[i] is not { } state) continue;
            if (state.Open.Count > 0)
            {
                var open = new Table("ADDRESS OF A NAME", "FOR");
                foreach ((string address, long seconds) in state.Open) open.Add(address, Seconds(seconds));
                open.Write(output);
            }

            if (state.Refusals.Count > 0)
            {
                var refused = new Table("REFUSED", "PACKETS", "LAST");
                foreach (EgressState.Refusal refusal in state.Refusals)
                    refused.Add(refusal.Rule, Number(refusal.Count), $"{Seconds(refusal.SecondsAgo)} ago");
                refused.Write(output);
            }

            if (state.Counted.FramesDropped > 0) output.WriteLine(
                $"frames that no rule can be about: {Number(state.Counted.FramesDropped)}");
        }
    }

    private static void WriteJson(
        TextWriter output, KnownMachine machine, IReadOnlyList<string> policies, IReadOnlyList<EgressState?> states)
        => Json.Write(output, json =>
        {
            json.WriteStartObject();
            json.WriteString("id", machine.Id);
            json.WriteStartArray("policies");
            for (int i = 0; i < policies.Count; i++)
            {
                json.WriteStartObject();
                json.WriteString("policy", policies[i]);
                if (states[i] is { } state) Write(json, state);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });

    private static void Write(Utf8JsonWriter json, EgressState state)
    {
        json.WriteStartArray("open");
        foreach ((string address, long seconds) in state.Open)
        {
            json.WriteStartObject();
            json.WriteString("address", address);
            json.WriteNumber("seconds", seconds);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("refused");
        foreach (EgressState.Refusal refusal in state.Refusals)
        {
            json.WriteStartObject();
            json.WriteString("address", refusal.Address);
            json.WriteNumber("port", refusal.Port);
            json.WriteString("protocol", refusal.Protocol);
            json.WriteNumber("packets", refusal.Count);
            json.WriteNumber("secondsAgo", refusal.SecondsAgo);
            json.WriteString("rule", refusal.Rule);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("allowedFlows", state.Counted.FlowsAllowed);
        json.WriteNumber("refusedPackets", state.Counted.PacketsRefused);
        json.WriteNumber("droppedFrames", state.Counted.FramesDropped);
        json.WriteNumber("refusedNames", state.Counted.NamesRefused);
    }

    private static string Seconds(long seconds) => $"{Number(seconds)} s";

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
