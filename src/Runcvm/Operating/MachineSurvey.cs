using Runcvm.HostFiles;
using Runcvm.Linux;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Operating;

/// <summary>A state folder that tells no machine.</summary>
/// <param name="Key">its name</param>
/// <param name="Reason">what is wrong with it</param>
internal sealed record BrokenMachine(string Key, string Reason)
{
    internal string ShortId => KnownMachine.Short(MachineKey.IdIn(Key));
}

/// <summary>All state folders of this host. Each is read for itself: whatever one of them holds hides no
/// other.</summary>
internal sealed record MachineSurvey(IReadOnlyList<KnownMachine> Machines, IReadOnlyList<BrokenMachine> Broken)
{
    internal static MachineSurvey Of(string root = MachineFolder.Root)
    {
        IReadOnlyList<MachineFolder> folders = [.. MachineFolder.All(root)];
        if (folders.Count == 0) return new MachineSurvey([], []);
        IReadOnlyDictionary<LockedFile, int> holders = LockHolders.Read();
        IReadOnlyDictionary<string, EngineContainer> containers = EngineContainer.All();
        var machines = new List<KnownMachine>();
        var broken = new List<BrokenMachine>();
        foreach (MachineFolder folder in folders)
        {
            try
            {
                if (TryRead(folder, holders, containers) is { } machine) machines.Add(machine);
            }
            catch (Exception e) when (e is WireFormatException or UsageException or LinuxException or IOException
                or UnauthorizedAccessException)
            {
                broken.Add(new BrokenMachine(folder.Key, Reason.Of(e)));
            }
        }

        return new MachineSurvey(
            [.. machines.Select(machine => machine with { SharesId = IsShared(machine.Id) })], broken);

        bool IsShared(string id) => machines.Count(machine => machine.Id == id) > 1;
    }

    // Null for one that is being created, or is removed while it is looked at.
    private static KnownMachine? TryRead(
        MachineFolder folder, IReadOnlyDictionary<LockedFile, int> holders,
        IReadOnlyDictionary<string, EngineContainer> containers)
    {
        if (!folder.HasDescription)
            return folder.IsRunning
                ? throw new UsageException($"{folder.Description} is missing, and the machine runs") : null;
        return new KnownMachine
        {
            Folder = folder,
            Description = folder.ReadDescription(),
            Record = folder.TryReadRecord(),
            ProcessId = LockHolders.Of(folder.Lock, holders),
            Container = containers.GetValueOrDefault(folder.Id),
        };
    }
}
