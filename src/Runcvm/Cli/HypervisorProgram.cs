using Runcvm.Linux.Files;
using Runcvm.Options;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>The program that runs a machine.</summary>
/// <param name="IsFirecracker">else QEMU</param>
/// <param name="OnHost">its file</param>
/// <param name="InSandbox">the same as the sandbox sees it</param>
/// <param name="Version">its version, where it matters; else 0.0</param>
internal sealed record HypervisorProgram(bool IsFirecracker, string OnHost, string InSandbox, Version Version)
{
    private const uint ReadableByOthers = 0x4;

    internal static HypervisorProgram Of(MachineOptions options, HostFacts host)
    {
        if (options.Hypervisor == Hypervisor.Qemu)
        {
            string qemu = host.QemuPath!;
            return new HypervisorProgram(false, qemu, qemu, options.UseKvm ? new Version(0, 0) : QemuVersion.Of(qemu));
        }

        FirecrackerProgram firecracker = host.Firecracker!;
        Version version = FirecrackerVersion.Check(firecracker.Path);
        if (options.HugePages) FirecrackerVersion.CheckHugePages(version, options.Balloon);
        return new HypervisorProgram(true, firecracker.Path, SandboxSpec.Firecracker, version);
    }

    /// <summary>The user that it is.</summary>
    internal uint User => IsFirecracker ? MachineDescription.HypervisorUser : 0;

    /// <summary>Makes what the hypervisor opens by name accessible to the user that it is.</summary>
    internal void GiveAccess(MachineFolder folder, IReadOnlyList<(string Source, MachineDisk Disk)> disks, IReadOnlyList<string> files)
    {
        uint user = User;
        foreach ((string source, MachineDisk disk) in disks)
        {
            if (disk.Inode != 0) continue;
            // A disk that was the other hypervisor's before changes hands.
            if (!disk.ReadOnly) Node.SetOwner(source, user, user);
            else if (IsFirecracker) MakeReadable(source);
        }

        if (!IsFirecracker) return;
        foreach (string file in files) MakeReadable(file);
        folder.MakeHypervisorFolder(user);
    }

    // Root's umask may have been a narrow one. Images of containers lie in folders that only root may look into.
    private static void MakeReadable(string path)
    {
        if (FileStatus.TryOf(path, followLinks: true) is { } status && (status.Permissions & ReadableByOthers) == 0)
            Node.SetPermissions(path, Permission.PlainFile);
    }
}
