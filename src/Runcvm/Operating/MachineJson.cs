using System.Text.Json;

namespace Runcvm.Operating;

/// <summary>A machine as JSON. The first three names are those of runc's list.</summary>
internal static class MachineJson
{
    internal static void WriteFacts(Utf8JsonWriter json, KnownMachine machine)
    {
        json.WriteString("id", machine.Id);
        json.WriteNumber("pid", machine.ProcessId ?? 0);
        json.WriteString("status", machine.Status);
        if (machine.Record is { } record)
        {
            json.WriteString("bundle", record.Bundle);
            json.WriteString("created", DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(record.Created, 0, MaxMilliseconds)).UtcDateTime);
            json.WriteString("kernel", record.Kernel);
        }

        if (machine.Container is { } container)
        {
            json.WriteString("name", container.Name);
            json.WriteString("image", container.Image);
        }

        json.WriteString("hypervisor", machine.Hypervisor);
        json.WriteString("acceleration", machine.Acceleration);
        json.WriteNumber("vcpus", machine.Description.Hardware.Cpus);
        json.WriteNumber("memoryBytes", machine.Description.Hardware.MemoryBytes);
        if (machine.ProcessId is { } process && ProcessUse.TryOf(process) is { } use)
        {
            json.WriteNumber("memoryUsedBytes", use.MemoryBytes);
            json.WriteNumber("uptimeSeconds", Math.Round(use.Uptime.TotalSeconds, 2));
        }
    }

    // Year 9999, for a file of another version, or of somebody else.
    private const long MaxMilliseconds = 253_402_300_799_999;
}
