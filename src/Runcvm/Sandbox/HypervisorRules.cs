using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;

namespace Runcvm.Sandbox;

/// <summary>What the hypervisor may do in its tree (<see cref="HypervisorTree"/>), once more by Landlock: the tree is
/// made of mounts, and these rules hold whatever is mounted how. It runs its own program and no other, and of a device
/// that it has no use for it gets no answer. Nothing that it was given open is touched.</summary>
internal static class HypervisorRules
{
    private const FileRights Program = FileRights.Read | FileRights.Execute;
    private const FileRights Folder = FileRights.Read | FileRights.ListFolder;
    private const FileRights Device = FileRights.Read | FileRights.Write | FileRights.ControlDevice;

    /// <param name="program">QEMU's file</param>
    internal static LandlockRules OfQemu(string program)
        => Of([
            .. ProgramAndLoader(program), .. Common,
            .. HypervisorTree.FilesOfQemu(program).Skip(1).Select(static path => new FileRule(path, Folder)),
        ]);

    /// <summary>It opens its disks, its configuration and its taps by name, and makes sockets.</summary>
    /// <param name="program">Firecracker's file</param>
    internal static LandlockRules OfFirecracker(string program)
        => Of([.. ProgramAndLoader(program), .. Common, .. OfFirecrackersFiles]);

    /// <summary>The test double is several programs.</summary>
    /// <param name="program">its file</param>
    internal static LandlockRules OfTheDouble(string program)
        => Of([
            .. ProgramAndLoader(program), .. Common, .. OfFirecrackersFiles,
            .. Places(FileRights.Execute | Folder, "/usr", "/lib", "/lib64"),
        ]);

    private static IEnumerable<FileRule> Common =>
    [
        .. Places(FileRights.Read, HypervisorTree.Vmlinux, HypervisorTree.Initramfs, "/dev/urandom"),
        .. Places(FileRights.Read | FileRights.Write, "/dev/null"),
        .. Places(Device, "/dev/kvm"),
    ];

    private static IEnumerable<FileRule> OfFirecrackersFiles =>
    [
        .. Places(Device, "/dev/net/tun"),
        // Those that it must not write are mounted so.
        .. Places(FileRights.Read | FileRights.Write, HypervisorTree.Disks),
        .. Places(Folder | FileRights.Write | FileRights.MakeSocket | FileRights.RemoveFile, HypervisorTree.Folder),
    ];

    private static LandlockRules Of(IReadOnlyList<FileRule> files) => new(files) { KeepsSignals = true };

    private static IEnumerable<FileRule> ProgramAndLoader(string program)
        => ProgramLoader.Of(program) is { } loader
            ? [new FileRule(program, Program), .. Places(Program, loader)]
            : [new FileRule(program, Program)];

    // What is not there needs no rule.
    private static IEnumerable<FileRule> Places(FileRights rights, params string[] paths)
        => from path in paths where FileStatus.TryOf(path, followLinks: true) != null select new FileRule(path, rights);
}
