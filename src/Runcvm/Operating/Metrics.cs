using System.Globalization;
using System.Text;
using Runcvm.Images;
using Runcvm.Protocol.Wire;
using Runcvm.Supervisor;

namespace Runcvm.Operating;

/// <summary>Figures in Prometheus' text format.</summary>
internal sealed class Metrics
{
    private readonly StringBuilder _text = new();

    // Of a machine that is hostile, paused or stuck, and its answer is one figure of many.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    internal static string Text(MachineSurvey survey)
    {
        IReadOnlyList<KnownMachine> machines = survey.Machines;
        var metrics = new Metrics();
        metrics.Add("runcvm_info", "gauge", "This program.", [([("version", OwnVersion.Number)], 1)]);
        metrics.Add("runcvm_machines", "gauge", "Machines that run.", [([], machines.Count(static machine => machine.ProcessId != null))]);
        metrics.Add("runcvm_machines_broken", "gauge", "State folders that cannot be read; runcvm list says why.",
            [([], survey.Broken.Count)]);
        metrics.Add("runcvm_machine_info", "gauge", "What a machine is.", machines.Select(static machine => (Description(machine), 1.0)));
        var used = machines.Where(static machine => machine.ProcessId != null)
            .Select(static machine => (Machine: machine, Use: ProcessUse.TryOf(machine.ProcessId!.Value), Network: NetworkUse.Of(machine.ProcessId!.Value)))
            .Where(static item => item.Use != null).ToList();
        metrics.Add("runcvm_machine_vcpus", "gauge", "vCPUs.", used.Select(static item => (Id(item.Machine), (double)item.Machine.Description.Hardware.Cpus)));
        metrics.Add("runcvm_machine_memory_bytes", "gauge", "The guest's memory.", used.Select(static item => (Id(item.Machine), (double)item.Machine.Description.Hardware.MemoryBytes)));
        metrics.Add("runcvm_machine_memory_used_bytes", "gauge", "Memory of the host in use.", used.Select(static item => (Id(item.Machine), (double)item.Use!.MemoryBytes)));
        metrics.Add("runcvm_machine_cpu_seconds_total", "counter", "Processor time.", used.Select(static item => (Id(item.Machine), item.Use!.CpuSeconds)));
        metrics.Add("runcvm_machine_uptime_seconds", "gauge", "Time since the start.", used.Select(static item => (Id(item.Machine), item.Use!.Uptime.TotalSeconds)));
        metrics.Add("runcvm_machine_disk_read_bytes_total", "counter", "Read from disks.", used.Select(static item => (Id(item.Machine), (double)item.Use!.ReadBytes)));
        metrics.Add("runcvm_machine_disk_written_bytes_total", "counter", "Written to disks.", used.Select(static item => (Id(item.Machine), (double)item.Use!.WrittenBytes)));
        metrics.Add("runcvm_machine_network_received_bytes_total", "counter", "Received by the container's interfaces.", used.Select(static item => (Id(item.Machine), (double)item.Network.ReceivedBytes)));
        metrics.Add("runcvm_machine_network_sent_bytes_total", "counter", "Sent by the container's interfaces.", used.Select(static item => (Id(item.Machine), (double)item.Network.SentBytes)));
        EgressMetrics.AddTo(metrics, used.Select(static item => (item.Machine, Id(item.Machine))));
        metrics.Add("runcvm_machine_start_seconds", "gauge", "How long each step of the start took.",
            Steps([.. used.Select(static item => item.Machine)]));
        IReadOnlyList<CachedImage> images = CachedImage.All();
        metrics.Add("runcvm_images", "gauge", "Root images in the cache.", [([], images.Count)]);
        metrics.Add("runcvm_images_bytes", "gauge", "Size of the cache.", [([], images.Sum(static image => image.Bytes))]);
        return metrics._text.ToString();
    }

    private static (string, string)[] Id(KnownMachine machine) => [("id", machine.UniqueId), ("name", machine.Name)];

    private static (string, string)[] Description(KnownMachine machine) =>
    [
        .. Id(machine), ("image", machine.Image), ("hypervisor", machine.Hypervisor), ("acceleration", machine.Acceleration),
        ("kernel", machine.Kernel), ("status", machine.Status),
    ];

    // All are asked at once: those that do not answer hold up no other.
    private static IEnumerable<((string, string)[], double)> Steps(KnownMachine[] machines)
        => Task.WhenAll(machines.Select(static machine => Task.Run(() => Steps(machine)))).GetAwaiter().GetResult()
            .SelectMany(static steps => steps);

    // A machine that does not answer has figures all the same, only not these.
    private static List<((string, string)[], double)> Steps(KnownMachine machine)
    {
        try
        {
            return [.. BootSteps.Durations(
                [.. machine.Record?.Steps ?? [], .. SupervisorSocket.ReadBootReport(machine, Patience).Steps])
                .Select(step => (((string, string)[])[.. Id(machine), ("step", step.Name)], step.Milliseconds / 1000))];
        }
        catch (Exception e) when (e is UsageException or WireFormatException or Linux.LinuxException)
        {
            return [];
        }
    }

    internal void Add(string name, string type, string help, IEnumerable<((string Label, string Value)[] Labels, double Value)> samples)
    {
        _text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
        foreach (((string Label, string Value)[] labels, double value) in samples)
        {
            string list = string.Join(',', labels.Select(static label => $"{label.Label}=\"{Escaped(label.Value)}\""));
            _text.Append(CultureInfo.InvariantCulture, $"{name}{(list.Length == 0 ? "" : $"{{{list}}}")} {value:R}\n");
        }
    }

    internal static string Escaped(string value) => value
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);
}
