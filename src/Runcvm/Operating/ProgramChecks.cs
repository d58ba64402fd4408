using Runcvm.Installation;
using Runcvm.Kernels;
using Runcvm.Linux.Processes;
using Runcvm.Options;

namespace Runcvm.Operating;

/// <summary>The programs of the host that machines are made with.</summary>
internal static class ProgramChecks
{
    internal static IReadOnlyList<Func<HostConfig, Finding?>> All { get; } = [Qemu, Firecracker, LowLevelRuntime, ErofsTool, Ext4Tool];

    private static Finding Qemu(HostConfig config)
    {
        HostFacts host = HostFacts.Look(config, InstalledFiles.Own().Library);
        const string Cure = "apt-get install qemu-system-x86 (qemu-system-arm on arm64), or set qemu in " + HostConfig.File;
        if (host.QemuPath != null) return WithVersion("QEMU", host.QemuPath, Cure);
        return host.Firecracker == null || !host.KvmIsReal
            ? Finding.Problem("QEMU", "not found", Cure)
            : Finding.Warning("QEMU", "not found; machines run with Firecracker only", Cure);
    }

    private static Finding? Firecracker(HostConfig config) => HostFacts.Look(config, InstalledFiles.Own().Library) switch
    {
        { Firecracker: { } program } => WithVersion("Firecracker", program.Path, "install another build of it"),
        { KvmIsReal: true } => Finding.Warning("Firecracker", "not found; machines run with QEMU", "runcvm install --firecracker FILE|URL"),
        // Without a real KVM it could not run.
        _ => null,
    };

    private static Finding LowLevelRuntime(HostConfig config)
    {
        const string Cure = "apt-get install runc, or set low_level_runtime in " + HostConfig.File;
        string? path = config.LowLevelRuntime ?? ProgramPath.TryFind("runc") ?? ProgramPath.TryFind("crun");
        return path == null ? Finding.Problem("low-level runtime", "neither runc nor crun is found", Cure) : WithVersion("low-level runtime", path, Cure);
    }

    private static Finding ErofsTool(HostConfig config) => Tool_("mkfs.erofs", "erofs-utils", "root images");

    private static Finding Ext4Tool(HostConfig config) => Tool_("mkfs.ext4", "e2fsprogs", "scratch disks");

    private static Finding Tool_(string name, string package, string makes) => ProgramPath.TryFind(name) is { } path
        ? Finding.Fine(name, path)
        : Finding.Problem(name, $"not found; it makes {makes}", $"apt-get install {package}");

    private static Finding WithVersion(string subject, string path, string cure)
        => Tool.TryRun(path, "--version")?.Split('\n')[0].Trim() is { Length: > 0 } version
            ? Finding.Fine(subject, $"{version} ({path})")
            : Finding.Problem(subject, $"{path} does not run", cure);
}
