using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>Which cgroup file systems the guest finds under /sys/fs/cgroup.</summary>
public enum CgroupLayout : byte
{
    /// <summary>none: systemd mounts them itself</summary>
    None = 0,
    /// <summary>a folder per version 1 controller</summary>
    Version1 = 1,
    /// <summary>the unified hierarchy</summary>
    Version2 = 2,
    /// <summary>version 1 controllers, and version 2 in the folder "unified"</summary>
    Hybrid = 3,
}

/// <summary>Everything that makes a freshly booted guest this container's machine. Nothing of it is on the kernel's
/// command line, so that a snapshot taken before this message fits every container.</summary>
public sealed record Setup : IMessage<Setup>
{
    /// <summary>host name</summary>
    public string HostName { get; init; } = "";

    /// <summary>NIS domain name</summary>
    public string DomainName { get; init; } = "";

    /// <summary>wall clock, nanoseconds since 1970 UTC</summary>
    public long Clock { get; init; }

    /// <summary>random bytes from the host</summary>
    public byte[] Entropy { get; init; } = [];

    /// <summary>serial number of the disk with the root image; null when the root is a share</summary>
    public string? RootDisk { get; init; }

    /// <summary>from 1 on: the share that is the root; 0 when it is a disk</summary>
    public uint RootShare { get; init; }

    /// <summary>serial number of the scratch disk</summary>
    public required string ScratchDisk { get; init; }

    /// <summary>serial number of the disk with the kernel's modules, or null</summary>
    public string? ModulesDisk { get; init; }

    /// <summary>serial number of the disk with files that the engine put into the container before this start, or null</summary>
    public string? LayerDisk { get; init; }

    /// <summary>paths on the layer disk to take over</summary>
    public IReadOnlyList<LayerPath> LayerPaths { get; init; } = [];

    /// <summary>mount the modules over all of /lib/modules</summary>
    public bool MountAllModules { get; init; }

    /// <summary>file systems to mount, in this order</summary>
    public IReadOnlyList<GuestMount> Mounts { get; init; } = [];

    /// <summary>sockets of the host that are forwarded</summary>
    public IReadOnlyList<HostSocket> Sockets { get; init; } = [];

    /// <summary>files the engine provides: /etc/hosts and the like</summary>
    public IReadOnlyList<GuestFile> Files { get; init; } = [];

    /// <summary>sysctls: dotted name, value</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Sysctls { get; init; } = [];

    /// <summary>values of sysctls that are raised where the kernel's own are lower: dotted name, number; what the
    /// kernel does not have is left out</summary>
    public IReadOnlyList<KeyValuePair<string, long>> LeastSysctls { get; init; } = [];

    /// <summary>network interfaces</summary>
    public IReadOnlyList<NetworkInterface> Interfaces { get; init; } = [];

    /// <summary>hardware addresses of network cards that no interface has yet, see <see cref="NetworkChange"/></summary>
    public IReadOnlyList<byte[]> SpareCards { get; init; } = [];

    /// <summary>settings of the container's network namespace: path below /proc/sys, value; what the guest's kernel does not
    /// have is left out</summary>
    public IReadOnlyList<KeyValuePair<string, string>> NetworkSysctls { get; init; } = [];

    /// <summary>cgroup file systems</summary>
    public CgroupLayout Cgroups { get; init; }

    /// <summary>the workload is systemd</summary>
    public bool Systemd { get; init; }

    /// <summary>a small init reaps children in front of the workload</summary>
    public bool Init { get; init; }

    /// <summary>the root is read-only for the workload</summary>
    public bool ReadOnlyRoot { get; init; }

    /// <summary>absolute paths that the workload does not see: under an empty folder or the null device</summary>
    public IReadOnlyList<string> MaskedPaths { get; init; } = [];

    /// <summary>absolute paths that the workload cannot write to</summary>
    public IReadOnlyList<string> ReadOnlyPaths { get; init; } = [];

    /// <summary>the engine's nameserver is reached through <see cref="Start.DnsChannel"/></summary>
    public bool DnsRelay { get; init; }

    /// <summary>milliseconds after which, at the latest, the guest looks again at which ports it listens</summary>
    public uint PortsInterval { get; init; } = 1000;

    /// <summary>most processes of the workload; 0 is no limit</summary>
    public long ProcessLimit { get; init; }

    /// <summary>the machine is a pod's: it has no root and no workload of its own, and containers come later</summary>
    public bool IsPod { get; init; }

    /// <summary>what the workload finds in /proc/cmdline; null leaves the kernel's own</summary>
    public string? CommandLine { get; init; }

    static MessageKind IMessage<Setup>.Kind => MessageKind.Setup;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(HostName);
        w.Text(DomainName);
        w.Int64(Clock);
        w.Bytes(Entropy);
        w.OptionalText(RootDisk);
        w.UInt32(RootShare);
        w.Text(ScratchDisk);
        w.OptionalText(ModulesDisk);
        w.OptionalText(LayerDisk);
        w.List(LayerPaths, static (w, path) => path.Write(w));
        w.Flag(MountAllModules);
        w.List(Mounts, static (w, mount) => mount.Write(w));
        w.List(Sockets, static (w, socket) => socket.Write(w));
        w.List(Files, static (w, file) => file.Write(w));
        w.List(Sysctls, WriteSysctl);
        w.List(LeastSysctls, WriteLeast);
        w.List(Interfaces, static (w, device) => device.Write(w));
        w.List(SpareCards, static (w, address) => w.Bytes(address));
        w.List(NetworkSysctls, WriteSysctl);
        w.Byte((byte)Cgroups);
        w.Flag(Systemd);
        w.Flag(Init);
        w.Flag(ReadOnlyRoot);
        w.List(MaskedPaths, static (w, path) => w.Text(path));
        w.List(ReadOnlyPaths, static (w, path) => w.Text(path));
        w.Flag(DnsRelay);
        w.UInt32(PortsInterval);
        w.Int64(ProcessLimit);
        w.Flag(IsPod);
        w.OptionalText(CommandLine);
    }

    /// <inheritdoc/>
    public static Setup Read(ref WireReader r) => new()
    {
        HostName = r.Text(),
        DomainName = r.Text(),
        Clock = r.Int64(),
        Entropy = r.Bytes(),
        RootDisk = r.OptionalText(),
        RootShare = r.UInt32(),
        ScratchDisk = r.Text(),
        ModulesDisk = r.OptionalText(),
        LayerDisk = r.OptionalText(),
        LayerPaths = r.List(LayerPath.Read),
        MountAllModules = r.Flag(),
        Mounts = r.List(GuestMount.Read),
        Sockets = r.List(HostSocket.Read),
        Files = r.List(GuestFile.Read),
        Sysctls = r.List(ReadSysctl),
        LeastSysctls = r.List(ReadLeast),
        Interfaces = r.List(NetworkInterface.Read),
        SpareCards = r.List(static (ref r) => r.Bytes()),
        NetworkSysctls = r.List(ReadSysctl),
        Cgroups = (CgroupLayout)r.Byte(),
        Systemd = r.Flag(),
        Init = r.Flag(),
        ReadOnlyRoot = r.Flag(),
        MaskedPaths = r.List(static (ref r) => r.Text()),
        ReadOnlyPaths = r.List(static (ref r) => r.Text()),
        DnsRelay = r.Flag(),
        PortsInterval = r.UInt32(),
        ProcessLimit = r.Int64(),
        IsPod = r.Flag(),
        CommandLine = r.OptionalText(),
    };

    internal static void WriteSysctl(WireWriter w, KeyValuePair<string, string> sysctl)
    {
        w.Text(sysctl.Key);
        w.Text(sysctl.Value);
    }

    private static void WriteLeast(WireWriter w, KeyValuePair<string, long> sysctl)
    {
        w.Text(sysctl.Key);
        w.Int64(sysctl.Value);
    }

    private static KeyValuePair<string, long> ReadLeast(ref WireReader r) => KeyValuePair.Create(r.Text(), r.Int64());

    internal static KeyValuePair<string, string> ReadSysctl(ref WireReader r) => KeyValuePair.Create(r.Text(), r.Text());
}

/// <summary>Something on the layer disk that the guest takes over.</summary>
/// <param name="Path">relative to the root, without a leading slash; empty for the root itself; need not be UTF-8</param>
/// <param name="WithContents">a folder with everything below it; else a folder stands for its own attributes only</param>
public sealed record LayerPath(byte[] Path, bool WithContents) : IWireValue<LayerPath>
{
    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Bytes(Path);
        w.Flag(WithContents);
    }

    /// <inheritdoc/>
    public static LayerPath Read(ref WireReader r) => new(r.Bytes(), r.Flag());
}

/// <summary>A file system to mount in the guest.</summary>
/// <param name="Type">file system type, or <see cref="OnScratch"/></param>
/// <param name="Source">source, as in mount(2)</param>
/// <param name="Target">absolute path in the root; made if missing</param>
/// <param name="Flags">MS_* of mount(2)</param>
/// <param name="Data">options of the file system</param>
public sealed record GuestMount(string Type, string Source, string Target, ulong Flags, string Data)
    : IWireValue<GuestMount>
{
    /// <summary>The type of a folder that lies on the scratch disk itself, with what the root has there.</summary>
    public const string OnScratch = "scratch";

    /// <summary>The type of the pod's shared memory, which is one for all its containers.</summary>
    public const string OfPod = "pod";

    /// <summary>from 1 on: the share of the host that is mounted; 0 for file systems of the guest's own kernel</summary>
    public uint Share { get; init; }

    /// <summary>from 1 on: the socket of the host that is mounted; 0 for everything else</summary>
    public uint Socket { get; init; }

    /// <summary>the target is a file; else a directory</summary>
    public bool IsFile { get; init; }

    /// <summary>the source is the name of a disk in a backing file, which is filled from the root if it is empty</summary>
    public bool IsDisk { get; init; }

    /// <summary>a file system in memory begins with what the root has there</summary>
    public bool IsCopyUp { get; init; }

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(Type);
        w.Text(Source);
        w.Text(Target);
        w.UInt64(Flags);
        w.Text(Data);
        w.UInt32(Share);
        w.UInt32(Socket);
        w.Flag(IsFile);
        w.Flag(IsDisk);
        w.Flag(IsCopyUp);
    }

    /// <inheritdoc/>
    public static GuestMount Read(ref WireReader r)
        => new(r.Text(), r.Text(), r.Text(), r.UInt64(), r.Text())
        {
            Share = r.UInt32(),
            Socket = r.UInt32(),
            IsFile = r.Flag(),
            IsDisk = r.Flag(),
            IsCopyUp = r.Flag(),
        };
}

/// <summary>A Unix socket of the host as the guest shows it.</summary>
/// <param name="Owner">user that owns it</param>
/// <param name="Group">its group</param>
/// <param name="Permissions">permission bits, which say who may connect</param>
public sealed record HostSocket(uint Owner, uint Group, uint Permissions) : IWireValue<HostSocket>
{
    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Owner);
        w.UInt32(Group);
        w.UInt32(Permissions);
    }

    /// <inheritdoc/>
    public static HostSocket Read(ref WireReader r) => new(r.UInt32(), r.UInt32(), r.UInt32());
}

/// <summary>A file laid over one of the image.</summary>
/// <param name="Target">absolute path in the root; links in it are followed inside the root</param>
/// <param name="Content">what is in it</param>
/// <param name="Permissions">permission bits</param>
/// <param name="ReadOnly">the workload cannot write to it</param>
public sealed record GuestFile(string Target, byte[] Content, uint Permissions, bool ReadOnly) : IWireValue<GuestFile>
{
    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(Target);
        w.Bytes(Content);
        w.UInt32(Permissions);
        w.Flag(ReadOnly);
    }

    /// <inheritdoc/>
    public static GuestFile Read(ref WireReader r) => new(r.Text(), r.Bytes(), r.UInt32(), r.Flag());
}
