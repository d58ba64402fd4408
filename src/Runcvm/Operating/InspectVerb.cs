using System.Globalization;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;
using Runcvm.Supervisor;

namespace Runcvm.Operating;

/// <summary>`runcvm inspect`: one machine, and where each millisecond of its start went.</summary>
internal static class InspectVerb
{
    internal static int Run(TextWriter output, string text, bool asJson)
    {
        KnownMachine machine = KnownMachine.Find(text);
        BootReport report = machine.ProcessId == null ? new BootReport("", []) : SupervisorSocket.ReadBootReport(machine);
        IReadOnlyList<(string Name, double Milliseconds)> steps = BootSteps.Durations([.. machine.Record?.Steps ?? [], .. report.Steps]);
        if (asJson) WriteJson(output, machine, report, steps);
        else WriteText(output, machine, report, steps);
        return 0;
    }

    private static void WriteText(
        TextWriter output, KnownMachine machine, BootReport report, IReadOnlyList<(string Name, double Milliseconds)> steps)
    {
        MachineDescription description = machine.Description;
        ProcessUse? use = machine.ProcessId is { } process ? ProcessUse.TryOf(process) : null;
        Line("id", machine.Id);
        Line("name", machine.Name);
        Line("image", machine.Image);
        Line("status", use == null ? machine.Status : $"{machine.Status} for {Amount.Time(use.Uptime)}, process {machine.ProcessId}");
        Line("hypervisor", $"{description.Hypervisor} ({machine.Acceleration})");
        Line("kernel", report.KernelRelease.Length == 0 ? machine.Kernel : $"{machine.Kernel} ({TextRing.Printable(report.KernelRelease)})");
        Line("arguments", description.KernelCommandLine);
        Line("vCPUs", $"{description.Hardware.Cpus}");
        Line("memory", use == null ? Amount.Bytes(description.Hardware.MemoryBytes) : $"{Amount.Bytes(description.Hardware.MemoryBytes)}, {Amount.Bytes(use.MemoryBytes)} of the host used");
        Line("bundle", machine.Record?.Bundle ?? "-");
        Line("folder", machine.Folder.FullPath);
        foreach ((string serial, string file) in machine.Record?.Disks ?? []) Line($"disk {serial}", file);
        if (steps.Count == 0) return;
        output.WriteLine("start:");
        foreach ((string name, double milliseconds) in steps.Append(("all of it", steps.Sum(static step => step.Milliseconds))))
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {milliseconds,9:F1} ms  {TextRing.Printable(name)}"));

        void Line(string name, string value) => output.WriteLine($"{name + ":",-13} {TextRing.Printable(value)}");
    }

    private static void WriteJson(
        TextWriter output, KnownMachine machine, BootReport report, IReadOnlyList<(string Name, double Milliseconds)> steps) => Json.Write(output, json =>
    {
        json.WriteStartObject();
        MachineJson.WriteFacts(json, machine);
        json.WriteString("kernelRelease", report.KernelRelease);
        json.WriteString("kernelCommandLine", machine.Description.KernelCommandLine);
        json.WriteString("folder", machine.Folder.FullPath);
        json.WriteStartObject("disks");
        foreach ((string serial, string file) in machine.Record?.Disks ?? []) json.WriteString(serial, file);
        json.WriteEndObject();
        json.WriteStartArray("start");
        foreach ((string name, double milliseconds) in steps)
        {
            json.WriteStartObject();
            json.WriteString("step", name);
            json.WriteNumber("milliseconds", Math.Round(milliseconds, 3));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });
}
