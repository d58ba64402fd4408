using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Paths;
using Runcvm.Guest.Shares;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Pods;

/// <summary>The mounts of a container, made by its first process in a mount namespace of its own: they go with the
/// container, and no other sees them.</summary>
internal static class ContainerRoot
{
    private const string Terminals = "/dev/pts";

    private static readonly string[] Nodes = ["null", "zero", "full", "random", "urandom", "tty"];

    private static readonly (string Name, string Target)[] Links =
    [
        ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"),
    ];

    /// <summary>Where the first process of the machine has a container's terminals.</summary>
    internal static string TerminalsOf(uint container)
        => string.Create(CultureInfo.InvariantCulture, $"/pod/terminals-{container}");

    /// <summary>Makes them, and the calling process's root and cgroup namespace.</summary>
    internal static void Enter(uint number, ContainerSetup container)
    {
        CurrentProcess.Unshare(Namespaces.FileSystemContext | Namespaces.Mount | Namespaces.Cgroup);
        MountPoint.SetPropagation("/", MountFlags.Private | MountFlags.Recursive);
        MountPoint.Bind(SharedFolder.PathOf(container.RootShare), GuestRoot.Path);
        // Whoever may make nodes shall not reach the machine's devices by them; privileged ones have these anyway.
        MountFlags always = container.HasDevices ? MountFlags.None : MountFlags.NoDev;
        MountPoint.Remount(GuestRoot.Path, MountFlags.Bind | always);
        var root = new GuestRoot();
        // By this process, whose PID namespace is the one to be seen.
        Mount(root, new GuestMount(
            "proc", "proc", "/proc", (ulong)(MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec), ""));
        AddDevices(root, container.HasDevices);
        Bind(root, TerminalsOf(number), Terminals, isFile: false, MountFlags.NoSuid | MountFlags.NoExec);
        foreach (GuestMount mount in container.Mounts) Add(root, mount with { Flags = mount.Flags | (ulong)always });
        if (container.Process.Terminal) ShowConsole(root, number);
        HiddenPaths.Protect(root, container.ReadOnlyPaths);
        HiddenPaths.Mask(root, container.MaskedPaths);
        if (container.ReadOnlyRoot)
            MountPoint.Remount(GuestRoot.Path, MountFlags.Bind | MountFlags.ReadOnly | always);
        MountPoint.MoveToRoot(GuestRoot.Path);
    }

    private static void Add(GuestRoot root, GuestMount mount)
    {
        var flags = (MountFlags)mount.Flags;
        if (mount.Share > 0) Bind(root, SharedFolder.PathOf(mount.Share), mount.Target, mount.IsFile, flags);
        else if (mount.Type == GuestMount.OfPod)
            Bind(root, PodGround.SharedMemory, mount.Target, isFile: false, PodGround.Plain);
        else Mount(root, mount);
    }

    private static void Mount(GuestRoot root, GuestMount mount)
    {
        using SafeFileHandle target = root.Directory(mount.Target);
        MountPoint.Add(mount.Source, FileDescriptor.PathOf(target), mount.Type, (MountFlags)mount.Flags, mount.Data);
    }

    private static void Bind(GuestRoot root, string source, string target, bool isFile, MountFlags flags)
    {
        using (SafeFileHandle place = Find(root, target, isFile)) MountPoint.Bind(source, FileDescriptor.PathOf(place));
        if (flags == MountFlags.None) return;
        // A bind mount takes its flags only when it is there; found once more, for what was found before lies below it.
        using SafeFileHandle bound = Find(root, target, isFile);
        MountPoint.Remount(FileDescriptor.PathOf(bound), MountFlags.Bind | flags);
    }

    private static SafeFileHandle Find(GuestRoot root, string target, bool isFile)
        => isFile ? root.FileAt(target) : root.Directory(target);

    private static void AddDevices(GuestRoot root, bool all)
    {
        const string Folder = "/dev";
        if (all) Mount(root, new GuestMount("devtmpfs", "devtmpfs", Folder, (ulong)MountFlags.NoSuid, "mode=0755"));
        else
        {
            Mount(root, new GuestMount(
                "tmpfs", "tmpfs", Folder, (ulong)(MountFlags.NoSuid | MountFlags.NoDev), "mode=755,size=65536k"));
            foreach (string name in Nodes)
                Bind(root, $"{Folder}/{name}", $"{Folder}/{name}", isFile: true, PodGround.OfDevices);
        }

        using SafeFileHandle folder = root.Directory(Folder);
        foreach ((string name, string target) in Links)
        {
            string path = $"{FileDescriptor.PathOf(folder)}/{name}";
            if (FileStatus.TryOf(path) == null) File.CreateSymbolicLink(path, target);
        }
    }

    private static void ShowConsole(GuestRoot root, uint number)
    {
        string name = Path.GetFileName(new FileInfo("/proc/self/fd/0").LinkTarget ?? "");
        Bind(root, $"{TerminalsOf(number)}/{name}", "/dev/console", isFile: true, MountFlags.None);
    }
}
