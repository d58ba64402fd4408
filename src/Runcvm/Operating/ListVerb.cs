using Runcvm.Sandbox;
using Runcvm.Supervisor;

namespace Runcvm.Operating;

/// <summary>`runcvm list`</summary>
internal static class ListVerb
{
    internal static int Run(TextWriter output, bool quiet, bool json)
    {
        MachineSurvey survey = MachineSurvey.Of();
        if (json) WriteJson(output, survey);
        else if (quiet) WriteIds(output, survey);
        else WriteTable(output, survey);
        return 0;
    }

    private static void WriteIds(TextWriter output, MachineSurvey survey)
    {
        foreach (KnownMachine machine in survey.Machines) output.WriteLine(machine.UniqueId);
        foreach (BrokenMachine broken in survey.Broken) output.WriteLine(broken.Key);
    }

    private static void WriteTable(TextWriter output, MachineSurvey survey)
    {
        var table = new Table("ID", "NAME", "IMAGE", "STATUS", "HYPERVISOR", "KERNEL", "VCPUS", "MEMORY", "USED", "UPTIME");
        foreach (KnownMachine machine in survey.Machines)
        {
            ProcessUse? use = machine.ProcessId is { } process ? ProcessUse.TryOf(process) : null;
            table.Add(
                machine.ShortId, machine.Name, machine.Image, machine.Status, $"{machine.Hypervisor}/{machine.Acceleration}", machine.Kernel,
                $"{machine.Description.Hardware.Cpus}", Amount.Bytes(machine.Description.Hardware.MemoryBytes),
                use == null ? "-" : Amount.Bytes(use.MemoryBytes), use == null ? "-" : Amount.Time(use.Uptime));
        }

        foreach (BrokenMachine broken in survey.Broken)
            table.Add(broken.ShortId, "-", "-", "broken", "-", "-", "-", "-", "-", "-");
        table.Write(output);
        foreach (BrokenMachine broken in survey.Broken)
            output.WriteLine($"{broken.ShortId} is broken: {TextRing.Printable(broken.Reason)}");
    }

    private static void WriteJson(TextWriter output, MachineSurvey survey) => Json.Write(output, json =>
    {
        json.WriteStartArray();
        foreach (KnownMachine machine in survey.Machines)
        {
            json.WriteStartObject();
            MachineJson.WriteFacts(json, machine);
            json.WriteEndObject();
        }

        foreach (BrokenMachine broken in survey.Broken)
        {
            json.WriteStartObject();
            json.WriteString("id", MachineKey.IdIn(broken.Key));
            json.WriteNumber("pid", 0);
            json.WriteString("status", "broken");
            json.WriteString("reason", broken.Reason);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
