using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Network;
using Runcvm.Guest.Paths;
using Runcvm.Guest.Shares;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Protocol;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Root;

/// <summary>Makes the workload's world from the host's description, in named steps.</summary>
internal static class RootAssembly
{
    private const string Provided = "/run/provided";

    internal static GuestRoot Run(Setup setup, BootTimes times, HostSockets sockets, out NetworkCards cards, out IReadOnlyList<string> notices)
    {
        SetIdentity(setup);
        if (setup.CommandLine != null) CommandLineFile.Write(setup.CommandLine);
        MountModules(setup);
        times.Done("modules mounted");
        var shares = new GuestShares(setup.Mounts.Count(static mount => mount.Share > 0) + (setup.RootShare > 0 ? 1 : 0));
        var scratch = new Scratch(setup.ScratchDisk);
        if (setup.RootDisk == null) shares.Mount(GuestRoot.Path, new GuestMount("fuse", "root", "/", 0, "") { Share = setup.RootShare });
        else MountImage(setup, setup.RootDisk, scratch);
        times.Done("root mounted");
        var root = new GuestRoot();
        DataFolders.MoveToScratch(root, scratch, [.. setup.Mounts.Select(static mount => mount.Target)]);
        // Mounted by the workload itself, see SpawnedProcess; an image need not have the folder.
        root.Directory("/proc").Dispose();
        MountAll(root, setup, scratch, shares, sockets);
        times.Done("file systems mounted");
        FinishDevices();
        MachineId.Provide(root);
        IReadOnlyList<string> lacks = CgroupMounts.Add(root, setup.Cgroups);
        ProvideFiles(root, setup.Files);
        NetworkdFile.Provide(root, setup);
        ShowModules(root, setup);
        HiddenPaths.Protect(root, setup.ReadOnlyPaths);
        HiddenPaths.Mask(root, setup.MaskedPaths);
        times.Done("files provided");
        cards = SetNetwork(setup, times, out notices);
        notices = [.. lacks, .. notices];
        return root;
    }

    internal static NetworkCards SetNetwork(Setup setup, BootTimes times, out IReadOnlyList<string> notices)
    {
        // Before the interfaces get their names: a spare card may have one of these.
        var cards = new NetworkCards(setup);
        notices = GuestNetwork.Apply(setup.Interfaces, setup.NetworkSysctls);
        foreach ((string name, long value) in setup.LeastSysctls) RaiseSysctl(name, value);
        foreach ((string name, string value) in setup.Sysctls) SetSysctl(name, value);
        GuestNetwork.ReservePorts();
        times.Done("network set up");
        return cards;
    }

    internal static void SetIdentity(Setup setup)
    {
        if (setup.Clock > 0) Linux.Machine.SetClock(setup.Clock);
        if (setup.Entropy.Length > 0) Linux.Machine.AddEntropy(setup.Entropy);
        if (setup.HostName.Length > 0) Linux.Machine.SetHostName(setup.HostName);
        if (setup.DomainName.Length > 0) Linux.Machine.SetDomainName(setup.DomainName);
    }

    internal static void MountModules(Setup setup)
    {
        if (setup.ModulesDisk == null) return;
        Node.MakeDirectory(ModulesFolder);
        MountPoint.Add(Disk.Find(setup.ModulesDisk), ModulesFolder, "erofs", MountFlags.ReadOnly | MountFlags.NoSuid | MountFlags.NoDev);
    }

    private static string ModulesFolder => "/lib/modules/" + File.ReadAllText("/proc/sys/kernel/osrelease").Trim();

    private static void MountImage(Setup setup, string disk, Scratch scratch)
    {
        MountPoint.Add(Disk.Find(disk), "/lower", "erofs", MountFlags.ReadOnly);
        string upper = scratch.Folder("upper");
        string work = scratch.Folder("work");
        if (setup.LayerDisk != null)
        {
            MountPoint.Add(Disk.Find(setup.LayerDisk), "/layer", "erofs", MountFlags.ReadOnly);
            TreeCopy.TakeOver("/layer", upper, setup.LayerPaths);
            MountPoint.Remove("/layer");
            // The host hands it over until a start says that it is there.
            MountPoint.SyncAll();
        }

        CopyRootAttributes(upper);
        MountPoint.Add("overlay", GuestRoot.Path, "overlay", MountFlags.None,
            $"lowerdir=/lower,upperdir={upper},workdir={work},redirect_dir=on");
    }

    // The upper folder's own owner and mode are those of "/" in the joined file system.
    private static void CopyRootAttributes(string upper)
    {
        const string Done = Scratch.Place + "/root-attributes";
        if (File.Exists(Done)) return;
        TreeCopy.CopyAttributes("/lower", upper);
        File.WriteAllBytes(Done, []);
    }

    private static void MountAll(GuestRoot root, Setup setup, Scratch scratch, GuestShares shares, HostSockets sockets)
    {
        foreach (GuestMount mount in setup.Mounts)
        {
            if (mount.Share > 0) shares.Mount(root, mount);
            else if (mount.Socket > 0) sockets.Mount(root, mount, setup.Sockets);
            else if (mount.IsDisk) BackedDisk.Mount(root, mount);
            else if (mount.Type == GuestMount.OnScratch) DataFolders.Move(root, scratch, mount.Target);
            else if (mount.IsFile) BindDevice(root, mount);
            else MountOwn(root, mount);
        }
    }

    // A device of the guest's own, at another place.
    private static void BindDevice(GuestRoot root, GuestMount mount)
    {
        using SafeFileHandle target = root.FileAt(mount.Target);
        MountPoint.Bind(mount.Source, FileDescriptor.PathOf(target));
    }

    private static void MountOwn(GuestRoot root, GuestMount mount)
    {
        string data = mount.Data;
        // As runc does, a folder that is there keeps its mode.
        if (mount.Type == "tmpfs" && !data.Contains("mode=", StringComparison.Ordinal)) data = $"{ModeOf(root, mount.Target)}{data}".TrimEnd(',');
        using SafeFileHandle target = root.Directory(mount.Target);
        MountPoint.Add(mount.Source, FileDescriptor.PathOf(target), mount.Type, (MountFlags)mount.Flags, data);
        if (!mount.IsCopyUp) return;
        using SafeFileHandle mounted = root.Directory(mount.Target);
        TreeCopy.CopyAll(FileDescriptor.PathOf(target), FileDescriptor.PathOf(mounted));
    }

    private static string ModeOf(GuestRoot root, string folder)
    {
        using SafeFileHandle? there = root.TryFind(folder);
        return there == null ? "" : $"mode={Convert.ToString(FileStatus.Of(there).Permissions, 8)},";
    }

    // The links that every container runtime makes beside the devices, and the modes that udev gives to those that are for everybody;
    // devtmpfs knows devices only.
    private static void FinishDevices()
    {
        (string Name, string Target)[] links = [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")];
        foreach ((string name, string target) in links)
        {
            string path = $"{GuestRoot.Path}/dev/{name}";
            if (FileStatus.TryOf(path) == null) File.CreateSymbolicLink(path, target);
        }

        string? nodes = ((string[])[DeviceNodes.File, "modules.devname"])
            .Select(static name => $"{ModulesFolder}/{name}").FirstOrDefault(File.Exists);
        if (nodes != null) StaticNodes.Make(File.ReadLines(nodes), $"{GuestRoot.Path}/dev");
        foreach (string name in DeviceNodes.OfEverybody)
        {
            string path = $"{GuestRoot.Path}/dev/{name}";
            if (FileStatus.TryOf(path) != null) Node.SetPermissions(path, Permission.EverybodysFile);
        }
    }

    /// <summary>Gives a provided file another content, in place: it stays mounted where it is.</summary>
    internal static void Rewrite(int file, byte[] content) => File.WriteAllBytes($"{Provided}/{file}", content);

    private static void ProvideFiles(GuestRoot root, IReadOnlyList<GuestFile> files)
    {
        if (files.Count == 0) return;
        Node.MakeDirectory(Provided);
        MountPoint.Add("tmpfs", Provided, "tmpfs", MountFlags.NoSuid | MountFlags.NoDev, "mode=0755,size=16m");
        for (int i = 0; i < files.Count; i++)
        {
            string source = $"{Provided}/{i}";
            File.WriteAllBytes(source, files[i].Content);
            Node.SetPermissions(source, files[i].Permissions);
            using SafeFileHandle target = root.FileAt(files[i].Target);
            string path = FileDescriptor.PathOf(target);
            MountPoint.Bind(source, path);
            if (!files[i].ReadOnly) continue;
            using SafeFileHandle mounted = root.FileAt(files[i].Target);
            MountPoint.Remount(FileDescriptor.PathOf(mounted), MountFlags.Bind | MountFlags.ReadOnly);
        }
    }

    private static void ShowModules(GuestRoot root, Setup setup)
    {
        string folder = ModulesFolder;
        // Where all is built in, the initramfs still has the indexes that say so to the image's modprobe.
        if (setup.ModulesDisk == null && !File.Exists(folder + "/modules.builtin")) return;
        // An image that brings this kernel's modules knows them best, and may have added to them.
        if (!setup.MountAllModules && HasModules(root, folder)) return;
        string source = setup.MountAllModules ? "/lib/modules" : folder;
        using SafeFileHandle target = root.Directory(source);
        MountPoint.Bind(source, FileDescriptor.PathOf(target), recursive: true);
    }

    private static bool HasModules(GuestRoot root, string folder)
    {
        using SafeFileHandle? found = root.TryFind(folder + "/modules.dep");
        return found != null;
    }

    private static string PathOf(string sysctl) => "/proc/sys/" + sysctl.Replace('.', '/');

    private static void RaiseSysctl(string name, long value)
    {
        string path = PathOf(name);
        if (!File.Exists(path)) return;
        string text = File.ReadAllText(path).Trim();
        // One that is larger than a number of ours is large enough.
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long has) || has >= value) return;
        SetSysctl(name, value.ToString(CultureInfo.InvariantCulture));
    }

    private static void SetSysctl(string name, string value)
    {
        string path = PathOf(name);
        try
        {
            File.WriteAllBytes(path, Encoding.UTF8.GetBytes(value));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidDataException($"the guest's kernel has no sysctl {name}, which was asked for");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"the guest's kernel refuses sysctl {name}={value}: {e.Message}");
        }
    }
}
