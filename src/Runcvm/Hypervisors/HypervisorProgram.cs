using Runcvm.Linux.Files;
using Runcvm.Options;
using Runcvm.Sandbox;

namespace Runcvm.Hypervisors;

/// <summary>The program that runs a machine.</summary>
/// <param name="IsFirecracker">else QEMU</param>
/// <param name="OnHost">its file</param>
/// <param name="InSandbox">the same as the sandbox sees it</param>
/// <param name="Version">its version, where it matters; else 0.0</param>
/// <param name="Files">what of the host it needs beside itself</param>
internal sealed record HypervisorProgram(bool IsFirecracker, string OnHost, string InSandbox, Version Version, IReadOnlyList<string> Files)
{
    private const uint ReadableByOthers = 0x4;

    private static readonly string[] PlacesOfDouble = ["/lib", "/lib64", "/usr"];

    internal static HypervisorProgram Of(MachineOptions options, HostFacts host)
    {
        if (options.Hypervisor == Hypervisor.Qemu)
        {
            string qemu = host.QemuPath!;
            return new HypervisorProgram(false, qemu, qemu, options.Hardware.UseKvm ? new Version(0, 0) : QemuVersion.Of(qemu), HypervisorTree.FilesOfQemu(qemu));
        }

        FirecrackerProgram firecracker = host.Firecracker!;
        Version version = FirecrackerVersion.Check(firecracker.Path);
        if (options.Hardware.HugePages) FirecrackerVersion.CheckHugePages(version, options.Hardware.Balloon);
        // Its releases are one static file. The test double is several programs, which lie anywhere below /usr.
        return new HypervisorProgram(true, firecracker.Path, HypervisorTree.Firecracker, version, firecracker.IsTestDouble ? PlacesOfDouble : []);
    }

    /// <summary>Whose its disks are. QEMU gets them as open files.</summary>
    /// <param name="user">that it runs as</param>
    internal uint OwnerOfDisks(uint user) => IsFirecracker ? user : 0;

    /// <summary>Makes what the hypervisor opens by name accessible to the user that it is.</summary>
    internal void GiveAccess(uint hypervisor, MachineFolder folder, IReadOnlyList<(string Source, MachineDisk Disk)> disks, IReadOnlyList<string> files)
    {
        uint user = OwnerOfDisks(hypervisor);
        foreach ((string source, MachineDisk disk) in disks)
        {
            if (disk.Inode != 0) continue;
            // A disk that was the other hypervisor's before changes hands.
            if (!disk.ReadOnly) Node.SetOwner(source, user, user);
            else if (IsFirecracker) MakeReadable(source);
        }

        foreach (string file in files) MakeReadable(file);
        if (IsFirecracker) folder.MakeHypervisorFolder(user);
    }

    // Root's umask may have been a narrow one. Images of containers lie in folders that only root may look into.
    private static void MakeReadable(string path)
    {
        if (FileStatus.TryOf(path, followLinks: true) is { } status && (status.Permissions & ReadableByOthers) == 0)
            Node.SetPermissions(path, Permission.PlainFile);
    }
}
