using Runcvm.Linux.Files;
using Runcvm.Protocol.Wire;
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

    internal string ShortId => Id.Length <= 12 ? Id : Id[..12];

    internal string Status => ProcessId != null ? "running" : Folder.IsRunning ? "running elsewhere" : "created";

    internal string Hypervisor => Description.IsFirecracker ? "firecracker" : "qemu";

    internal string Acceleration => Description.UseKvm ? "kvm" : "tcg";

    /// <summary>DIST/VERSION</summary>
    internal string Kernel => Record?.Kernel ?? "-";

    internal string Image => Container?.Image ?? "-";

    internal string Name => Container?.Name ?? "-";

    /// <summary>All machines of this host.</summary>
    internal static IReadOnlyList<KnownMachine> All(string root = MachineFolder.Root)
    {
        IReadOnlyList<MachineFolder> folders = [.. MachineFolder.All(root)];
        if (folders.Count == 0) return [];
        IReadOnlyDictionary<ulong, int> holders = LockHolders.Read();
        IReadOnlyDictionary<string, EngineContainer> containers = EngineContainer.All();
        return [.. folders.Select(folder => TryRead(folder, holders, containers)).OfType<KnownMachine>()];
    }

    /// <summary>The machine of that id, of an id that begins so, or of that name.</summary>
    internal static KnownMachine Find(string text, string root = MachineFolder.Root)
    {
        IReadOnlyList<KnownMachine> all = All(root);
        KnownMachine? exact = all.FirstOrDefault(machine => machine.Id == text) ?? all.FirstOrDefault(machine => machine.Name == text);
        if (exact != null) return exact;
        KnownMachine[] matching = text.Length == 0 ? [] : [.. all.Where(machine => machine.Id.StartsWith(text, StringComparison.Ordinal))];
        return matching switch
        {
            [var machine] => machine,
            [] => throw new UsageException($"no machine is called '{text}'; runcvm list shows those that there are"),
            _ => throw new UsageException($"{matching.Length} machines begin with '{text}'; give more of the id"),
        };
    }

    // A folder may be removed while it is looked at, and a sandbox can write to its own: what cannot be read is no machine.
    private static KnownMachine? TryRead(
        MachineFolder folder, IReadOnlyDictionary<ulong, int> holders, IReadOnlyDictionary<string, EngineContainer> containers)
    {
        try
        {
            if (MachineFolder.TryRead(folder.Description) is not { } bytes) return null;
            var reader = new WireReader(bytes);
            var description = MachineDescription.Read(ref reader);
            ulong? inode = FileStatus.TryOf(folder.Lock)?.Inode;
            return new KnownMachine
            {
                Folder = folder,
                Description = description,
                Record = ReadRecord(folder),
                ProcessId = inode is { } number && holders.TryGetValue(number, out int id) ? id : null,
                Container = containers.GetValueOrDefault(folder.Id),
            };
        }
        catch (WireFormatException)
        {
            return null;
        }
    }

    private static MachineRecord? ReadRecord(MachineFolder folder)
    {
        if (MachineFolder.TryRead(folder.Record) is not { } bytes) return null;
        var reader = new WireReader(bytes);
        return MachineRecord.Read(ref reader);
    }
}
