using System.Diagnostics;
using System.Globalization;
using Runcvm.Linux.Events;
using Runcvm.Supervisor;

namespace Runcvm.Operating;

/// <summary>`runcvm stats`: use over a moment, from two looks.</summary>
internal static class StatsVerb
{
    private sealed record Sample(KnownMachine Machine, ProcessUse Use, NetworkUse Network, double CpuPercent);

    internal static int Run(TextWriter output, string[] names, int seconds, bool asJson)
    {
        MachineSurvey? survey = names.Length == 0 ? MachineSurvey.Of() : null;
        foreach (BrokenMachine broken in survey?.Broken ?? [])
            Console.Error.WriteLine(
                $"runcvm: machine {broken.ShortId} is left out: {TextRing.Printable(broken.Reason)}");
        IReadOnlyList<KnownMachine> all = survey?.Machines ?? [.. names.Select(static name => KnownMachine.Find(name))];
        KnownMachine[] running = [.. all.Where(static machine => machine.ProcessId != null)];
        List<Sample> samples = running.Length == 0 ? [] : Measure(running, seconds);
        if (asJson) WriteJson(output, samples);
        else WriteTable(output, samples);
        return 0;
    }

    private static List<Sample> Measure(KnownMachine[] machines, int seconds)
    {
        var clock = Stopwatch.StartNew();
        ProcessUse?[] before = [.. machines.Select(static machine => ProcessUse.TryOf(machine.ProcessId!.Value))];
        using (var loop = new EventLoop()) loop.Run(() => loop.DelayAsync(TimeSpan.FromSeconds(seconds)));
        double passed = clock.Elapsed.TotalSeconds;
        var samples = new List<Sample>();
        for (int i = 0; i < machines.Length; i++)
        {
            int process = machines[i].ProcessId!.Value;
            if (before[i] is not { } first || ProcessUse.TryOf(process) is not { } second) continue;
            samples.Add(new Sample(machines[i], second, NetworkUse.Of(process), (second.CpuSeconds - first.CpuSeconds) / passed * 100));
        }

        return samples;
    }

    private static void WriteTable(TextWriter output, List<Sample> samples)
    {
        var table = new Table("ID", "NAME", "CPU", "MEMORY", "OF", "READ", "WRITTEN", "RECEIVED", "SENT");
        foreach (Sample sample in samples)
        {
            table.Add(
                sample.Machine.ShortId, sample.Machine.Name, string.Create(CultureInfo.InvariantCulture, $"{sample.CpuPercent:F1}%"),
                Amount.Bytes(sample.Use.MemoryBytes), Amount.Bytes(sample.Machine.Description.Hardware.MemoryBytes),
                Amount.Bytes(sample.Use.ReadBytes), Amount.Bytes(sample.Use.WrittenBytes),
                Amount.Bytes(sample.Network.ReceivedBytes), Amount.Bytes(sample.Network.SentBytes));
        }

        table.Write(output);
    }

    private static void WriteJson(TextWriter output, List<Sample> samples) => Json.Write(output, json =>
    {
        json.WriteStartArray();
        foreach (Sample sample in samples)
        {
            json.WriteStartObject();
            json.WriteString("id", sample.Machine.Id);
            json.WriteString("name", sample.Machine.Name);
            json.WriteNumber("cpuPercent", Math.Round(sample.CpuPercent, 2));
            json.WriteNumber("cpuSeconds", sample.Use.CpuSeconds);
            json.WriteNumber("memoryUsedBytes", sample.Use.MemoryBytes);
            json.WriteNumber("memoryBytes", sample.Machine.Description.Hardware.MemoryBytes);
            json.WriteNumber("diskReadBytes", sample.Use.ReadBytes);
            json.WriteNumber("diskWrittenBytes", sample.Use.WrittenBytes);
            json.WriteNumber("networkReceivedBytes", sample.Network.ReceivedBytes);
            json.WriteNumber("networkSentBytes", sample.Network.SentBytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
