using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Sandbox;

namespace Runcvm.WarmStarts;

/// <summary>The root folder of a hypervisor whose machine is saved: that of every machine's
/// (<see cref="HypervisorTree"/>), made by this process for itself alone.</summary>
internal static class SaverTree
{
    private const MountFlags ReadOnly = MountFlags.Bind | MountFlags.ReadOnly | MountFlags.NoSuid | MountFlags.NoDev;

    /// <summary>Makes it where nobody else sees it: in a mount namespace that this thread has to itself.</summary>
    internal static void Furnish(
        string tree, string program, IReadOnlyList<string> hypervisor, string vmlinux, string initramfs)
    {
        MountPoint.Add("tmpfs", tree, "tmpfs", MountFlags.NoSuid, "mode=755,size=1m");
        ShowFile(tree, program, SandboxSpec.Program);
        foreach (string path in hypervisor) Show(tree, path);
        ShowFile(tree, vmlinux, HypervisorTree.Vmlinux);
        ShowFile(tree, initramfs, HypervisorTree.Initramfs);
        Node.MakeDirectory(tree + "/dev");
        foreach (string device in (string[])["/dev/null", "/dev/urandom"])
        {
            ulong number = FileStatus.TryOf(device)!.Value.SpecialDevice;
            Node.Make(tree + device, FileKind.CharacterDevice, Permission.EverybodysFile, number);
            Node.SetPermissions(tree + device, Permission.EverybodysFile);
        }

        MountPoint.Remount(tree, MountFlags.ReadOnly | MountFlags.NoSuid);
    }

    private static void Show(string tree, string path)
    {
        if (File.Exists(path))
        {
            ShowFile(tree, path, path);
            return;
        }

        Directory.CreateDirectory(tree + path);
        Bind(path, tree + path);
    }

    private static void ShowFile(string tree, string source, string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(tree + path)!);
        File.WriteAllBytes(tree + path, []);
        Bind(source, tree + path);
    }

    private static void Bind(string source, string target)
    {
        MountPoint.Bind(source, target);
        MountPoint.Remount(target, ReadOnly);
    }
}
