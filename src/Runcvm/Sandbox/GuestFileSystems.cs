using System.Text.Json.Nodes;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Shares;

namespace Runcvm.Sandbox;

/// <summary>What the "mounts" of a spec become in the guest: file systems of its own kernel, shares that the host serves,
/// and copies of the files that the engine provides.</summary>
internal sealed class GuestFileSystems
{
    private const MountFlags Plain = MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec;

    // The guest's kernel has its own of these, and a /dev.
    private static readonly string[] OfEveryGuest = ["proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2", "tmpfs", "devtmpfs"];

    private const string DefaultSharedMemory = "size=65536k";

    private readonly List<GuestMount> _more = [];
    private readonly IReadOnlyList<DiskRequest> _disks;
    private readonly bool _sharesSockets;
    private string _sharedMemory = DefaultSharedMemory;

    private GuestFileSystems(IReadOnlyList<DiskRequest> disks, bool sharesSockets) => (_disks, _sharesSockets) = (disks, sharesSockets);

    /// <summary>Files that the engine provides, without their content.</summary>
    internal List<GuestFile> Files { get; } = [];

    /// <summary>Where these files are on the host, and in the sandbox.</summary>
    internal List<(string Source, string Target)> Sources { get; } = [];

    /// <summary>What the host serves, in the order of its numbers.</summary>
    internal List<Share> Shares { get; } = [];

    /// <summary>Sockets of the host that are forwarded, in the order of their numbers.</summary>
    internal List<ForwardedSocket> Sockets { get; } = [];

    /// <summary>What is not as it was asked for, for the log.</summary>
    internal List<string> Notices { get; } = [];

    /// <summary>Whether the engine was asked for an init (`--init`).</summary>
    internal bool HasInit { get; private set; }

    /// <param name="mounts">of the spec</param>
    /// <param name="disks">in the order of the machine's</param>
    /// <param name="sharesSockets">sockets of the host are forwarded, else refused</param>
    internal static GuestFileSystems From(JsonNode? mounts, IReadOnlyList<DiskRequest>? disks = null, bool sharesSockets = false)
    {
        var systems = new GuestFileSystems(disks ?? [], sharesSockets);
        foreach (JsonNode? mount in ProcessReader.Items(mounts)) systems.Add(mount!);
        for (int i = 0; i < systems._disks.Count; i++) systems.AddDisk(systems._disks[i], MachineDisk.SerialOfBacked(i));
        return systems;
    }

    private void AddDisk(DiskRequest disk, string serial)
    {
        if (_more.Exists(mount => mount.Target == disk.Target))
            throw new UsageException($"{disk.Target} is the place of a disk in RUNCVM_DISKS and of a volume or mount; leave one of the two out");
        // The inode tables of an ext4 template were never written, and a sparse file reads as zeros anyway.
        string data = disk.FileSystem == DiskFileSystem.Ext4 ? "noinit_itable" : "";
        var added = new GuestMount(disk.FileSystem.ToString().ToLowerInvariant(), serial, disk.Target, 0, data) { IsDisk = true };
        int below = _more.FindIndex(mount => DiskRequest.IsOrBelow(mount.Target, disk.Target));
        _more.Insert(below < 0 ? _more.Count : below, added);
    }

    /// <summary>All file systems in the order in which they are mounted.</summary>
    internal List<GuestMount> Mounts(bool systemd)
    {
        var mounts = new List<GuestMount>
        {
            new("sysfs", "sysfs", "/sys", (ulong)Plain, ""),
            new("devtmpfs", "devtmpfs", "/dev", (ulong)MountFlags.NoSuid, "mode=0755"),
            new("devpts", "devpts", "/dev/pts", (ulong)(MountFlags.NoSuid | MountFlags.NoExec), "newinstance,ptmxmode=0666,mode=0620,gid=5"),
            new("tmpfs", "shm", "/dev/shm", (ulong)Plain, "mode=1777," + _sharedMemory),
            new("mqueue", "mqueue", "/dev/mqueue", (ulong)Plain, ""),
        };
        // Where the user put something of their own there, that is what systemd finds.
        if (systemd && !_more.Exists(static mount => mount.Target == "/run"))
        {
            mounts.Add(new GuestMount("tmpfs", "tmpfs", "/run", (ulong)(MountFlags.NoSuid | MountFlags.NoDev), "mode=0755"));
            mounts.Add(new GuestMount("tmpfs", "tmpfs", "/run/lock", (ulong)Plain, "size=5m"));
        }

        mounts.AddRange(_more);
        return mounts;
    }

    private void Add(JsonNode mount)
    {
        string target = mount["destination"]?.GetValue<string>() ?? "";
        string type = mount["type"]?.GetValue<string>() ?? "";
        string source = mount["source"]?.GetValue<string>() ?? "";
        string[] options = ProcessReader.Texts(mount["options"]);
        bool isBind = type == "bind" || Array.Exists(options, static option => option is "bind" or "rbind");
        if (isBind) AddBind(source, target, options);
        else if (target == "/dev/shm") _sharedMemory = Array.Find(options, static o => o.StartsWith("size=", StringComparison.Ordinal)) ?? DefaultSharedMemory;
        else if (type is "tmpfs" or "ramfs" && target != "/dev") AddTmpfs(target, options);
        else if (Array.IndexOf(OfEveryGuest, type) < 0)
            throw new UsageException($"the mount of type '{type}' at {target} cannot be had in a machine: it takes bind mounts, volumes and tmpfs");
    }

    private void AddTmpfs(string target, string[] options)
    {
        (MountFlags flags, string data) = MountOptions.Split(options);
        _more.Add(new GuestMount("tmpfs", "tmpfs", target, (ulong)flags, data) { IsCopyUp = options.Contains(MountOptions.CopyUp) });
    }

    private void AddBind(string source, string target, string[] options)
    {
        if (target == "/dev/shm") _sharedMemory = SizeOf(source);
        else if (ProvidedFiles.Includes(target))
        {
            Files.Add(new GuestFile(target, [], Permission.PlainFile, Array.IndexOf(options, "ro") >= 0));
            Sources.Add((source, ProvidedFiles.InSandbox(target)));
        }
        else if (target is "/sbin/docker-init" or "/dev/init" or "/run/podman-init") HasInit = true;
        else if (OwnOfTheGuest.Has(source, target)) Notices.Add($"{target} is that of the machine's own kernel, not the host's {source}");
        else if (OwnOfTheGuest.DeviceLike(source) is { } device) _more.Add(new GuestMount("bind", device, target, 0, "") { IsFile = true });
        // Nobody but this container has an anonymous volume, and what is in it is what the disk is filled with.
        else if (_disks.Any(disk => disk.Target == target) && AnonymousVolume.IsAt(source)) Notices.Add($"{target} is a disk instead of an anonymous volume");
        else if (_disks.Count > 0 && DiskRequest.IsOrBelow(target, DiskRequest.Reserved)) Notices.Add($"{target} is for backing files and not shared with the machine");
        else if (_sharesSockets && ForwardedSocket.TryFrom(source) is { } socket) AddSocket(socket, target);
        else if (EngineData.Is(target)) AddEngineData(source, target, options);
        else AddShare(source, target, options);
    }

    // An engine's overlayfs cannot have a share as its upper layer, and nobody but this container has an anonymous volume.
    private void AddEngineData(string source, string target, string[] options)
    {
        if (AnonymousVolume.IsAt(source) && !options.Any(static option => option is "ro" or "rro"))
        {
            _more.Add(new GuestMount(GuestMount.OnScratch, "", target, 0, ""));
            Notices.Add($"{target} is on the machine's own disk instead of an anonymous volume, where an engine's overlayfs could not be");
            return;
        }

        Notices.Add($"{target} is a folder of the host, where an engine in the machine cannot use overlay2 and takes vfs or fuse-overlayfs, which are slow; RUNCVM_DISKS gives it a disk");
        AddShare(source, target, options);
    }

    // Read-only or not: to connect is no writing, for a container either.
    private void AddSocket(ForwardedSocket socket, string target)
    {
        Sockets.Add(socket);
        if (Sockets.Count > ushort.MaxValue) throw new UsageException($"a machine cannot have more than {ushort.MaxValue} sockets");
        _more.Add(new GuestMount("socket", socket.Source, target, 0, "") { Socket = (uint)Sockets.Count, IsFile = true });
    }

    private void AddShare(string source, string target, string[] options)
    {
        Share share = Share.From(source, target, options);
        Shares.Add(share);
        if (Shares.Count > ShareFrame.MaxShares) throw new UsageException($"a machine cannot have more than {ShareFrame.MaxShares} volumes and bind mounts");
        if (options.Any(static option => option is "shared" or "rshared" or "slave" or "rslave"))
            Notices.Add($"mounts made later below {source} do not appear at {target}: propagation has no meaning between two kernels");
        (MountFlags flags, _) = MountOptions.Split(options);
        if (share.ReadOnly) flags |= MountFlags.ReadOnly;
        _more.Add(new GuestMount("fuse", $"share{Shares.Count}", target, (ulong)flags, "") { Share = (uint)Shares.Count, IsFile = share.IsFile });
    }

    // Docker mounts the container's /dev/shm itself, with the size the user asked for.
    private static string SizeOf(string source)
    {
        foreach (MountInfo mount in MountInfo.ReadAll())
        {
            if (mount.Target == source && mount.SuperOption("size") is { } size) return "size=" + size;
        }

        return DefaultSharedMemory;
    }
}
