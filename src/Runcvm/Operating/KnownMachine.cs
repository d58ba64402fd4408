using Runcvm.Hypervisors;
using Runcvm.Sandbox;

namespace Runcvm.Operating;

/// <summary>A machine as an operator sees it.</summary>
internal sealed record KnownMachine
{
    internal required MachineFolder Folder { get; init; }

    internal required MachineDescription Description { get; init; }

    /// <summary>null where an older version made it</summary>
    internal MachineRecord? Record { get; init; }

    /// <summary>the supervisor's, as this process sees it; null when the machine does not run</summary>
    internal int? ProcessId { get; init; }

    /// <summary>what the engine knows of it</summary>
    internal EngineContainer? Container { get; init; }

    internal string Id => Folder.Id;

    /// <summary>Whether another machine has the same id, below another root of the low-level runtime.</summary>
    internal bool SharesId { get; init; }

    /// <summary>The id, where it names this machine alone; else the key.</summary>
    internal string UniqueId => SharesId ? Folder.Key : Id;

    internal string ShortId => Short(Id);

    internal string Status => ProcessId != null ? "running" : Folder.IsRunning ? "running elsewhere" : "created";

    internal string Hypervisor => KnownHypervisors.Of(Description.Kind).Word;

    internal string Acceleration => Description.Hardware.UseKvm ? "kvm" : "tcg";

    /// <summary>DIST/VERSION</summary>
    internal string Kernel => Record?.Kernel ?? "-";

    internal string Image => Container?.Image ?? "-";

    internal string Name => Container?.Name ?? "-";

    internal static string Short(string id) => id.Length <= 12 ? id : id[..12];

    /// <summary>The machines of this host whose state can be read.</summary>
    internal static IReadOnlyList<KnownMachine> All(string root = MachineFolder.Root)
        => MachineSurvey.Of(root).Machines;

    /// <summary>The machine of that key, of that id, of an id that begins so, or of that name.</summary>
    internal static KnownMachine Find(string text, string root = MachineFolder.Root)
    {
        MachineSurvey survey = MachineSurvey.Of(root);
        // A key without a root is the bare id, which others may have as well.
        KnownMachine[] matching = Matching(machine => machine.Id == text || machine.Folder.Key == text);
        if (matching.Length == 0) matching = Matching(machine => machine.Name == text);
        if (matching.Length == 0 && text.Length > 0)
            matching = Matching(machine => machine.Id.StartsWith(text, StringComparison.Ordinal));
        return matching switch
        {
            [var machine] => machine,
            [] => throw new UsageException(survey.Broken.FirstOrDefault(broken => text.Length > 0
                && broken.Key.StartsWith(text, StringComparison.Ordinal)) is { } broken
                ? $"machine {broken.Key} cannot be looked at: {broken.Reason}"
                : $"no machine is called '{text}'; runcvm list shows those that there are"),
            _ when matching.All(machine => machine.Id == matching[0].Id) => throw new UsageException(
                $"{matching.Length} machines have the id {matching[0].Id}, below different roots; name one by its "
                + "folder: " + string.Join(", ", matching.Select(static machine => machine.Folder.Key))),
            _ => throw new UsageException($"{matching.Length} machines begin with '{text}'; give more of the id"),
        };

        KnownMachine[] Matching(Func<KnownMachine, bool> isMeant) => [.. survey.Machines.Where(isMeant)];
    }
}
