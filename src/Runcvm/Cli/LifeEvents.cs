using System.Globalization;
using Runcvm.Hypervisors;
using Runcvm.Oci;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Supervisor;

namespace Runcvm.Cli;

/// <summary>What the host's journal hears of a machine. The verbs that run on the host write it: the sandbox does not reach the
/// journal.</summary>
internal static class LifeEvents
{
    internal static void Created(string id, MachineDescription description, string kernel)
        => Journal.Write(Journal.Info, $"machine {Short(id)} created: {Name(description)}, {kernel}, {description.Hardware.Cpus} vCPUs, {Mebibytes(description)} MiB",
        [
            .. Of(id, "created"), ("RUNCVM_HYPERVISOR", Name(description)), ("RUNCVM_KERNEL", kernel),
            ("RUNCVM_CPUS", Text(description.Hardware.Cpus)), ("RUNCVM_MEM_SIZE", Text(Mebibytes(description))),
        ]);

    internal static void NotCreated(string id, string reason)
        => Journal.Write(Journal.Error, $"machine {Short(id)} was not created: {reason}", [.. Of(id, "refused"), ("RUNCVM_REASON", reason)]);

    /// <summary>Before the folder goes.</summary>
    internal static void Ended(MachineFolder folder)
    {
        if (!File.Exists(Journal.Socket)) return;
        if (Outcome(folder) is not { } outcome)
        {
            Journal.Write(Journal.Info, $"machine {Short(folder.Id)} ended: it was killed, or never started", Of(folder.Id, "killed"));
            return;
        }

        IEnumerable<(string, string)> fields = [.. Of(folder.Id, outcome.Failure.Length > 0 ? "failed" : "ended"), ("RUNCVM_EXIT_CODE", Text(outcome.Code))];
        if (outcome.StartMilliseconds >= 0) fields = fields.Append(("RUNCVM_START_MS", Text(outcome.StartMilliseconds)));
        string failure = TextRing.Printable(outcome.Failure);
        if (failure.Length > 0) Journal.Write(Journal.Error, $"machine {Short(folder.Id)} failed: {failure}", fields.Append(("RUNCVM_REASON", failure)));
        else Journal.Write(Journal.Info, $"machine {Short(folder.Id)} ended with code {outcome.Code}; it had started in {outcome.StartMilliseconds} ms", fields);
    }

    private static MachineOutcome? Outcome(MachineFolder folder)
    {
        if (MachineFolder.TryRead(folder.Outcome) is not { } bytes) return null;
        try
        {
            return WireBytes.Read<MachineOutcome>(bytes);
        }
        catch (WireFormatException)
        {
            return null;
        }
    }

    // CONTAINER_ID is short, as Docker's own log driver has it.
    private static (string, string)[] Of(string id, string what)
        => [("CONTAINER_ID", Short(id)), ("CONTAINER_ID_FULL", id), ("RUNCVM_EVENT", what)];

    private static string Short(string id) => id.Length <= 12 ? id : id[..12];

    private static string Name(MachineDescription description) => KnownHypervisors.Of(description.Kind).Word;

    private static long Mebibytes(MachineDescription description) => description.Hardware.MemoryMebibytes;

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
