using System.Runtime.InteropServices;
using Runcvm.Machines;
using Runcvm.Options;
using Runcvm.Protocol.Wire;

namespace Runcvm.Sandbox;

/// <summary>What `create` decided and the supervisor carries out.</summary>
internal sealed record MachineDescription : IWireValue<MachineDescription>
{
    /// <summary>what runs it</summary>
    internal Options.Hypervisor Kind { get; init; } = Options.Hypervisor.Qemu;

    /// <summary>the processors that the machine has</summary>
    internal Architecture Architecture { get; init; } = RuntimeInformation.ProcessArchitecture;

    internal Hardware Hardware { get; init; } = new();

    /// <summary>the hypervisor's program as the sandbox sees it</summary>
    internal required string Hypervisor { get; init; }

    /// <summary>of that program, where it matters, up to 255.255; else 0.0</summary>
    internal Version HypervisorVersion { get; init; } = new(0, 0);

    /// <summary>user and group that it runs as, this machine's alone</summary>
    internal required uint HypervisorUser { get; init; }

    internal required string KernelCommandLine { get; init; }

    /// <summary>what messages call a checkpoint from which a machine goes on</summary>
    internal const string OfCheckpoint = "the checkpoint";

    /// <summary>it goes on from the moment of a machine with devices: a template's, or a checkpoint's</summary>
    internal bool IsClone => Moment.Length > 0;

    /// <summary>that one's is a checkpoint</summary>
    internal bool IsOfCheckpoint => Moment == OfCheckpoint;

    /// <summary>it goes on from a saved machine or such a moment, whose open file it was handed</summary>
    internal bool IsRestored { get; init; }

    /// <summary>"template NAME", or "the checkpoint", from which it goes on; empty for others</summary>
    internal string Moment { get; init; } = "";

    /// <summary>network cards of the machine there</summary>
    internal uint MomentCards { get; init; }

    /// <summary>the machine there had booted, and so had its devices in the last places</summary>
    internal bool ArePlacesLast { get; init; }

    /// <summary>disks in the order in which they are attached</summary>
    internal IReadOnlyList<MachineDisk> Disks { get; init; } = [];

    /// <summary>seconds until a guest that has not answered is given up</summary>
    internal int BootTimeout { get; init; }

    /// <summary>0 off, 1 errors, 2 info, 3 debug</summary>
    internal int LogLevel { get; init; }

    /// <summary>the guest kernel's log goes to standard error</summary>
    internal bool KernelDebug { get; init; }

    /// <summary>whether the machine takes part in a network namespace that is not its own, with sockets of which the
    /// supervisor listens</summary>
    internal bool SharesAddresses { get; init; }

    /// <summary>whether the guest may send from addresses that are not the container's</summary>
    internal bool MaySpoof { get; init; }

    /// <summary>policies of what the machine may reach, all of which must agree; none leaves it open</summary>
    internal IReadOnlyList<string> Egress { get; init; } = [];

    /// <summary>whether the kernel took programs for the container's interfaces</summary>
    internal bool HasNamespacePrograms { get; init; }

    /// <summary>whether containers that joined the machine's network get out past it</summary>
    internal bool LetsJoinedOut { get; init; }

    /// <summary>lines for the log at the INFO level: what happened before the supervisor started</summary>
    internal IReadOnlyList<string> Notices { get; init; } = [];

    /// <summary>paths of the sandbox that the guest is served, in the order of their numbers</summary>
    internal IReadOnlyList<ServedPath> Shares { get; init; } = [];

    /// <summary>who the file server is to the host's files</summary>
    internal FileServerIdentity FileServer { get; init; } = new();

    /// <summary>sockets of the host that are forwarded, as the user knows them</summary>
    internal IReadOnlyList<string> Sockets { get; init; } = [];

    /// <summary>how long the guest may believe what it knows of shared files: 0 a second, 1 not at all, 2 for ever</summary>
    internal byte ShareCache { get; init; }

    /// <summary>bytes that sandbox and guest together may use, where the container has a limit; else 0</summary>
    internal long SandboxMemoryLimit { get; init; }

    /// <summary>bytes that the sandbox may use where its user set no limit; 0 is no limit</summary>
    internal long UsualMemory { get; init; }

    /// <summary>whether the guest counts the workload's processes, because their number is limited</summary>
    internal bool CountsProcesses { get; init; }

    /// <summary>whether the engine is Podman, which gives a container fewer capabilities by default than Docker</summary>
    internal bool IsPodmans { get; init; }

    /// <summary>seconds that it may wait for others that boot</summary>
    internal int TurnPatience { get; init; }

    /// <summary>whether it is a pod's machine, to which containers come</summary>
    internal bool IsPod { get; init; }

    /// <summary>whether the host's kernel has Landlock. In the sandbox a filter may say otherwise.</summary>
    internal bool HasLandlock { get; init; }

    public void Write(WireWriter w)
    {
        w.Byte((byte)Kind);
        w.Byte((byte)Architecture);
        Hardware.Write(w);
        w.Text(Hypervisor);
        w.Byte((byte)HypervisorVersion.Major);
        w.Byte((byte)HypervisorVersion.Minor);
        w.UInt32(HypervisorUser);
        w.Text(KernelCommandLine);
        w.Flag(IsRestored);
        w.Text(Moment);
        w.UInt32(MomentCards);
        w.Flag(ArePlacesLast);
        w.List(Disks, static (w, disk) =>
        {
            w.Text(disk.Serial);
            w.Text(disk.Path);
            w.Flag(disk.ReadOnly);
            w.UInt64(disk.FileSystem);
            w.UInt64(disk.Inode);
        });
        w.Int32(BootTimeout);
        w.Int32(LogLevel);
        w.Flag(KernelDebug);
        w.Flag(SharesAddresses);
        w.Flag(MaySpoof);
        w.Texts(Egress);
        w.Flag(HasNamespacePrograms);
        w.Flag(LetsJoinedOut);
        w.Texts(Notices);
        w.List(Shares, static (w, share) =>
        {
            w.Text(share.Path);
            w.Flag(share.ReadOnly);
            w.Text(share.Hidden);
        });
        FileServer.Write(w);
        w.Texts(Sockets);
        w.Byte(ShareCache);
        w.Int64(SandboxMemoryLimit);
        w.Int64(UsualMemory);
        w.Flag(CountsProcesses);
        w.Flag(IsPodmans);
        w.Int32(TurnPatience);
        w.Flag(IsPod);
        w.Flag(HasLandlock);
    }

    /// <summary>Itself, where its numbers are such as `create` decides: verbs set limits of the host by them.</summary>
    /// <exception cref="WireFormatException">they are not</exception>
    internal MachineDescription Checked()
    {
        const int MostCpus = 8192;
        if (Hardware.MemoryBytes is < 0 or > MachineSize.MostMemory)
            throw new WireFormatException($"a machine of {Hardware.MemoryBytes} bytes");
        if (Hardware.Cpus is < 0 or > MostCpus) throw new WireFormatException($"a machine of {Hardware.Cpus} vCPUs");
        if (Kind is not (Options.Hypervisor.Qemu or Options.Hypervisor.Firecracker))
            throw new WireFormatException($"a machine of hypervisor {(int)Kind}");
        if (UsualMemory < 0) throw new WireFormatException($"a sandbox of {UsualMemory} bytes");
        if (BootTimeout < 0) throw new WireFormatException($"a machine that may boot for {BootTimeout} s");
        return this;
    }

    public static MachineDescription Read(ref WireReader r) => new()
    {
        Kind = (Options.Hypervisor)r.Byte(),
        Architecture = (Architecture)r.Byte(),
        Hardware = Hardware.Read(ref r),
        Hypervisor = r.Text(),
        HypervisorVersion = new Version(r.Byte(), r.Byte()),
        HypervisorUser = r.UInt32(),
        KernelCommandLine = r.Text(),
        IsRestored = r.Flag(),
        Moment = r.Text(),
        MomentCards = r.UInt32(),
        ArePlacesLast = r.Flag(),
        Disks = r.List(static (ref WireReader r) => new MachineDisk(r.Text(), r.Text(), r.Flag()) { FileSystem = r.UInt64(), Inode = r.UInt64() }),
        BootTimeout = r.Int32(),
        LogLevel = r.Int32(),
        KernelDebug = r.Flag(),
        SharesAddresses = r.Flag(),
        MaySpoof = r.Flag(),
        Egress = r.Texts(),
        HasNamespacePrograms = r.Flag(),
        LetsJoinedOut = r.Flag(),
        Notices = r.Texts(),
        Shares = r.List(static (ref WireReader r) => new ServedPath(r.Text(), r.Flag(), r.Text())),
        FileServer = FileServerIdentity.Read(ref r),
        Sockets = r.Texts(),
        ShareCache = r.Byte(),
        SandboxMemoryLimit = r.Int64(),
        UsualMemory = r.Int64(),
        CountsProcesses = r.Flag(),
        IsPodmans = r.Flag(),
        TurnPatience = r.Int32(),
        IsPod = r.Flag(),
        HasLandlock = r.Flag(),
    };
}

/// <summary>A disk of the machine.</summary>
/// <param name="Serial">by which the guest finds it</param>
/// <param name="Path">its file as the sandbox sees it</param>
/// <param name="ReadOnly">the guest cannot write to it</param>
internal sealed record MachineDisk(string Serial, string Path, bool ReadOnly)
{
    internal const string Root = "root";
    internal const string Scratch = "scratch";
    internal const string Layer = "layer";

    /// <summary>The serial number of a disk that the user asked for.</summary>
    internal static string SerialOfBacked(int index) => $"disk{index + 1}";

    /// <summary>of a backing file: the device number of its file system</summary>
    internal ulong FileSystem { get; init; }

    /// <summary>of a backing file, else 0: by which it is known</summary>
    internal ulong Inode { get; init; }
}

/// <summary>Something of the host that the guest is served.</summary>
/// <param name="Path">as the sandbox sees it</param>
/// <param name="ReadOnly">the guest cannot change it</param>
/// <param name="Hidden">name of an entry at the top that the guest does not see; empty: it sees all</param>
internal sealed record ServedPath(string Path, bool ReadOnly, string Hidden);
