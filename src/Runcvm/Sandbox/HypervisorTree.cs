using System.Text.Json.Nodes;

namespace Runcvm.Sandbox;

/// <summary>The root folder of the hypervisor: a part of the sandbox that holds what its program needs and nothing else. There is no
/// <c>/proc</c> in it, no state of the machine, no share and no shell.</summary>
internal static class HypervisorTree
{
    /// <summary>Where the sandbox sees it.</summary>
    internal const string Root = "/vmm";

    // Paths as the hypervisor sees them.
    internal const string Vmlinux = "/boot/vmlinux";
    internal const string Initramfs = "/boot/initramfs";

    /// <summary>Disks of one that opens them by name. Another one's are there in the sandbox, and not in its
    /// tree.</summary>
    internal const string Disks = "/disks";

    /// <summary>Configuration and sockets of one that opens them by name; also written by the supervisor.</summary>
    internal const string Folder = "/run/hypervisor";

    private static readonly string[] LibraryFolders = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];
    private static readonly string[] DataFolders = ["qemu", "seabios"];

    /// <summary>The path by which the sandbox sees one of the hypervisor's.</summary>
    internal static string InSandbox(string path) => Root + path;

    /// <summary>What of the host QEMU consists of: its program, the libraries, and its firmware.</summary>
    /// <param name="program">QEMU's file, without links</param>
    /// <param name="host">root of the host</param>
    internal static IReadOnlyList<string> FilesOfQemu(string program, string host = "/")
    {
        // Its data lie beside it: PREFIX/bin and PREFIX/share.
        string prefix = Path.GetDirectoryName(Path.GetDirectoryName(program)) ?? "/";
        IEnumerable<string> data = DataFolders.Select(name => Path.Combine(prefix, "share", name));
        IEnumerable<string> libraries = LibraryFolders.Append(Path.Combine(prefix, "lib")).Distinct();
        return [program, .. libraries.Concat(data).Where(path => Directory.Exists(host + path))];
    }

    /// <summary>Mounts that make the tree, in order.</summary>
    internal static IEnumerable<JsonNode> Mounts(SandboxParts parts)
    {
        // Folders and files to mount on are made in here; the hypervisor's user cannot write to any.
        yield return SpecMount.Tmpfs(Root, "64k", "noexec");
        // Ours, which puts the filter on system calls before itself and becomes the hypervisor.
        yield return SpecMount.Bind(parts.Program, InSandbox(SandboxSpec.Program), "ro", "nosuid", "nodev");
        // Nothing is bound together with what is mounted below it: a read-only mount does not make those read-only.
        foreach (string path in parts.HypervisorFiles) yield return SpecMount.Bind(path, InSandbox(path), "ro", "nosuid", "nodev");
        yield return SpecMount.Bind(parts.Vmlinux, InSandbox(Vmlinux), "ro", "nosuid", "nodev", "noexec");
        yield return SpecMount.Bind(parts.Initramfs, InSandbox(Initramfs), "ro", "nosuid", "nodev", "noexec");
        yield return SpecMount.Of(
            "tmpfs", "tmpfs", InSandbox("/dev"), "ro", "nosuid", "noexec", "mode=755", "size=64k");
        if (parts.ByName is not { } program) yield break;
        yield return SpecMount.Bind(program.OnHost, InSandbox(program.InTree), "ro", "nosuid", "nodev");
        yield return SpecMount.Bind(Path.Combine(MachineFolder.WritableOf(parts.Folder), "hypervisor"), InSandbox(Folder), "rw", "nosuid", "nodev", "noexec");
        foreach ((string source, MachineDisk disk) in parts.Disks)
            yield return SpecMount.Bind(source, InSandbox(disk.Path), disk.ReadOnly ? "ro" : "rw", "nosuid", "nodev", "noexec");
    }
}
