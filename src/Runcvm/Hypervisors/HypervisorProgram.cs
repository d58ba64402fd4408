using Runcvm.Linux.Files;
using Runcvm.Options;
using Runcvm.Sandbox;

namespace Runcvm.Hypervisors;

/// <summary>The program that runs a machine.</summary>
/// <param name="Kind">what it is</param>
/// <param name="OnHost">its file</param>
/// <param name="InSandbox">the same as the sandbox sees it</param>
/// <param name="Version">its version, where it matters; else 0.0</param>
/// <param name="Files">what of the host it needs beside itself</param>
internal sealed record HypervisorProgram(
    IHypervisor Kind, string OnHost, string InSandbox, Version Version, IReadOnlyList<string> Files)
{
    private const uint ReadableByOthers = 0x4;

    internal static HypervisorProgram Of(MachineOptions options, HostFacts host)
        => KnownHypervisors.Of(options.Hypervisor).Find(options, host);

    /// <summary>Whose its disks are. One that gets them as open files owns none.</summary>
    /// <param name="user">that it runs as</param>
    internal uint OwnerOfDisks(uint user) => Kind.OpensByName ? user : 0;

    /// <summary>Makes what the hypervisor opens by name accessible to the user that it is.</summary>
    internal void GiveAccess(uint hypervisor, MachineFolder folder, IReadOnlyList<(string Source, MachineDisk Disk)> disks, IReadOnlyList<string> files)
    {
        uint user = OwnerOfDisks(hypervisor);
        foreach ((string source, MachineDisk disk) in disks)
        {
            if (disk.Inode != 0) continue;
            // A disk that was the other hypervisor's before changes hands.
            if (!disk.ReadOnly) Node.SetOwner(source, user, user);
            else if (Kind.OpensByName) MakeReadable(source);
        }

        foreach (string file in files) MakeReadable(file);
        if (Kind.OpensByName) folder.MakeHypervisorFolder(user);
    }

    // Root's umask may have been a narrow one. Images of containers lie in folders that only root may look into.
    private static void MakeReadable(string path)
    {
        if (FileStatus.TryOf(path, followLinks: true) is { } status && (status.Permissions & ReadableByOthers) == 0)
            Node.SetPermissions(path, Permission.PlainFile);
    }
}
