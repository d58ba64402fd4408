using System.Globalization;
using Runcvm.Options;
using Runcvm.WarmStarts;

namespace Runcvm.Operating;

/// <summary>`runcvm warm`, `runcvm warm list` and `runcvm warm prune`</summary>
internal static class WarmVerb
{
    internal static int Make(TextWriter output, string? cpus, string? memory, string? kernel)
    {
        (string Name, string? Value)[] options =
            [("RUNCVM_CPUS", cpus), ("RUNCVM_MEM_SIZE", memory), ("RUNCVM_KERNEL", kernel)];
        string[] environment =
        [
            .. options.Where(static option => option.Value != null)
                .Select(static option => $"{option.Name}={option.Value}"),
        ];
        var making = new SavedMachineMaking(HostConfig.Load(), new SavedMachineStore());
        SavedMachine machine = making.Ensure(environment, out bool isNew);
        string how = isNew ? "saved" : "there is";
        output.WriteLine($"{how} {machine.Key}: {machine.About}, {Amount.Bytes(machine.Bytes)}");
        return 0;
    }

    internal static int List(TextWriter output, bool asJson) => List(output, asJson, new SavedMachineStore());

    internal static int List(TextWriter output, bool asJson, SavedMachineStore store)
    {
        if (asJson) WriteJson(output, store.All());
        else WriteTable(output, store.All());
        return 0;
    }

    internal static int Prune(TextWriter output, int keep) => Prune(output, keep, new SavedMachineStore());

    internal static int Prune(TextWriter output, int keep, SavedMachineStore store)
    {
        if (keep < 0) throw new UsageException($"runcvm warm prune: --keep must be a number from 0 on, not {keep}");
        IReadOnlyList<SavedMachine> removed = store.Prune(keep);
        foreach (SavedMachine machine in removed) output.WriteLine($"removed {machine.Key}");
        output.WriteLine($"{Amount.Bytes(removed.Sum(static machine => machine.Bytes))} freed");
        return 0;
    }

    private static void WriteTable(TextWriter output, IReadOnlyList<SavedMachine> machines)
    {
        var table = new Table("KEY", "SIZE", "LAST USE (UTC)", "MACHINE");
        foreach (SavedMachine machine in machines)
        {
            table.Add(machine.Key, Amount.Bytes(machine.Bytes),
                machine.LastUse.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture), machine.About ?? "-");
        }

        table.Write(output);
    }

    private static void WriteJson(TextWriter output, IReadOnlyList<SavedMachine> machines) => Json.Write(output, json =>
    {
        json.WriteStartArray();
        foreach (SavedMachine machine in machines)
        {
            json.WriteStartObject();
            json.WriteString("key", machine.Key);
            json.WriteNumber("bytes", machine.Bytes);
            json.WriteString("lastUse", machine.LastUse);
            if (machine.About != null) json.WriteString("machine", machine.About);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
