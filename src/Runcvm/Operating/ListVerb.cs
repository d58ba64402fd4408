namespace Runcvm.Operating;

/// <summary>`runcvm list`</summary>
internal static class ListVerb
{
    internal static int Run(TextWriter output, bool quiet, bool json)
    {
        IReadOnlyList<KnownMachine> machines = KnownMachine.All();
        if (json) WriteJson(output, machines);
        else if (quiet) foreach (KnownMachine machine in machines) output.WriteLine(machine.Id);
        else WriteTable(output, machines);
        return 0;
    }

    private static void WriteTable(TextWriter output, IReadOnlyList<KnownMachine> machines)
    {
        var table = new Table("ID", "NAME", "IMAGE", "STATUS", "HYPERVISOR", "KERNEL", "VCPUS", "MEMORY", "USED", "UPTIME");
        foreach (KnownMachine machine in machines)
        {
            ProcessUse? use = machine.ProcessId is { } process ? ProcessUse.TryOf(process) : null;
            table.Add(
                machine.ShortId, machine.Name, machine.Image, machine.Status, $"{machine.Hypervisor}/{machine.Acceleration}", machine.Kernel,
                $"{machine.Description.Cpus}", Amount.Bytes(machine.Description.MemoryBytes),
                use == null ? "-" : Amount.Bytes(use.MemoryBytes), use == null ? "-" : Amount.Time(use.Uptime));
        }

        table.Write(output);
    }

    private static void WriteJson(TextWriter output, IReadOnlyList<KnownMachine> machines) => Json.Write(output, json =>
    {
        json.WriteStartArray();
        foreach (KnownMachine machine in machines)
        {
            json.WriteStartObject();
            MachineJson.WriteFacts(json, machine);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
