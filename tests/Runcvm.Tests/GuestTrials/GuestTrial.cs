using System.Runtime.InteropServices;
using Runcvm.Guest;
using Runcvm.Guest.Boot;
using Runcvm.Guest.Processes;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;

namespace Runcvm.Tests.GuestTrials;

/// <summary>The guest's init without a machine: in namespaces of its own, with a root of its own in memory, whose /sys
/// names a terminal as the port to the host. It boots and serves as in a machine; only the kernel is the host's.
/// </summary>
internal static class GuestTrial
{
    internal const string Sandbox = "guest-sandbox";
    internal const string Init = "guest-init";

    private static readonly string[] Folders =
    [
        "proc", "sys/block", "sys/fs/cgroup", "sys/fs/fuse/connections", "dev", "run", "newroot", "lower", "layer",
        "scratch", "etc/dotnet", "tmp",
    ];

    private static readonly (string Name, uint Major, uint Minor)[] Devices =
    [
        ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
        ("fuse", 10, 229),
    ];

    private static string Program => Path.Combine(AppContext.BaseDirectory, "Runcvm.Tests");

    // A program that .NET runs just in time finds its parts by these, in every root that it comes to.
    internal static string[] NeededFolders
        =>
        [
            "/usr", "/tmp", Path.GetFullPath(AppContext.BaseDirectory).TrimEnd('/'),
            .. DotnetFolder.StartsWith("/usr/", StringComparison.Ordinal) ? (string[])[] : [DotnetFolder],
        ];

    private static string DotnetFolder
        => Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));

    /// <summary>Makes namespaces and root, and starts the init in them.</summary>
    internal static int RunSandbox(string folder, string stream, string shares)
    {
        CurrentProcess.Unshare(
            Namespaces.Mount | Namespaces.Uts | Namespaces.Ipc | Namespaces.Network | Namespaces.Pid);
        MountPoint.SetPropagation("/", MountFlags.Private | MountFlags.Recursive);
        string root = Directory.CreateDirectory(Path.Combine(folder, "root")).FullName;
        MountPoint.Add("tmpfs", root, "tmpfs");
        foreach (string name in Folders) Directory.CreateDirectory(Path.Combine(root, name));
        foreach (string needed in NeededFolders)
        {
            Directory.CreateDirectory(root + needed);
            MountPoint.Bind(needed, root + needed, recursive: true);
        }

        LinkSystemFolders(root);
        MountPoint.Bind("/proc", root + "/proc", recursive: true);
        File.WriteAllText(root + "/etc/dotnet/install_location", DotnetFolder + "\n");
        foreach ((string name, uint major, uint minor) in Devices)
            Node.Make(
                $"{root}/dev/{name}", FileKind.CharacterDevice, Permission.EverybodysFile,
                FileStatus.Device(major, minor));
        File.WriteAllText(root + "/dev/kmsg", "6,1,2500000,-;the trial's kernel\n");
        AddPort(root, "vport0p1", "org.runcvm.stream", stream);
        AddPort(root, "vport0p2", "org.runcvm.shares", shares);
        MountPoint.PivotTo(root);
        using ChildProcess init = ChildProcess.Start(Program, [Program, Init], CurrentProcess.Environment, []);
        return init.Wait().ShellCode;
    }

    /// <summary>What the guest's first process does from the opening of the stream on.</summary>
    internal static int RunInit()
    {
        CurrentProcess.IgnoreBrokenPipes();
        CurrentProcess.SignalWhenParentEnds(SignalNumber.Kill);
        MountPoint.Add("proc", "/proc", "proc");
        Node.SetUmask(0);
        using var workload = Spawner.StartInNewNamespace();
        using var loop = new EventLoop();
        try
        {
            return loop.Run(async () =>
            {
                await GuestBoot.ServeAsync(loop, [], workload, new BootTimes());
                return 0;
            });
        }
        catch (Runcvm.Linux.LinuxException e) when (e.Errno == Runcvm.Linux.Errno.EIO)
        {
            // The host has closed its end of the terminal, as it does in the end.
            return 0;
        }
    }

    internal static void LinkSystemFolders(string root)
    {
        foreach (string name in (string[])["bin", "sbin", "lib", "lib64"])
        {
            if (Directory.Exists("/usr/" + name)) File.CreateSymbolicLink(Path.Combine(root, name), "usr/" + name);
        }
    }

    private static void AddPort(string root, string device, string name, string terminal)
    {
        string port = Directory.CreateDirectory($"{root}/sys/class/virtio-ports/{device}").FullName;
        File.WriteAllText(port + "/name", name + "\n");
        File.WriteAllText($"{root}/dev/{device}", "");
        MountPoint.Bind(terminal, $"{root}/dev/{device}");
    }
}
