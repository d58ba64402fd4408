using System.Text.Json.Nodes;
using Runcvm.Building;
using Runcvm.Hypervisors;
using Runcvm.Installation;
using Runcvm.Kernels;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Machines;
using Runcvm.Network;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;
using Runcvm.WarmStarts;

namespace Runcvm.Planning;

/// <summary>All that `create` decided and found, and what it tells each part of the machine.</summary>
internal sealed record PlannedMachine
{
    internal required Bundle Bundle { get; init; }

    /// <summary>It is a pod's.</summary>
    internal bool IsPod { get; init; }

    /// <summary>The machine's state folder.</summary>
    internal required string Folder { get; init; }

    internal required InstalledFiles Installed { get; init; }

    internal required MachineOptions Options { get; init; }

    internal required HypervisorProgram Program { get; init; }

    /// <summary>Runs the hypervisor.</summary>
    internal required uint HypervisorUser { get; init; }

    internal required Kernel Kernel { get; init; }

    internal required string Initramfs { get; init; }

    /// <summary>A saved machine that this one goes on from.</summary>
    internal required WarmChoice Warm { get; init; }

    /// <summary>The moment of another machine from which it goes on.</summary>
    internal SavedMoment? Moment { get; init; }

    internal required GuestFileSystems Systems { get; init; }

    internal required MachineDisks Disks { get; init; }

    internal required ProcessSpec Workload { get; init; }

    /// <summary>Whether it may send with addresses that are not its own.</summary>
    internal required bool MaySpoof { get; init; }

    /// <summary>Whether other containers are in its network namespace.</summary>
    internal required bool SharesAddresses { get; init; }

    /// <summary>For the container's interfaces; null where the kernel takes none.</summary>
    internal NamespacePrograms? NamespacePrograms { get; init; }

    internal required TimeSpan BootTimeout { get; init; }

    /// <summary>About options, for the log.</summary>
    internal required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>What the host can limit.</summary>
    internal required HostCgroups Cgroups { get; init; }

    /// <summary>Of the host.</summary>
    internal required IReadOnlyList<MountInfo> Mounts { get; init; }

    // Sockets of execs and disks, and those on which the guest's questions to nameservers travel.
    private const ulong UsualOpenFiles = 65_536;

    private JsonObject Spec => Bundle.Spec;

    private JsonNode? Resources => Spec["linux"]?["resources"];

    private string CommandLine => KernelCommandLine.Build(
        Installed.Machine, Program.Kind.ResetArgument, Options.Hardware.UseKvm,
        HostClock.TimestampKilohertz(), Options.KernelDebug, Options.KernelArguments);

    private string[] WarmNotices => Warm.Notice == null ? [] : [Warm.Notice];

    private long MostProcesses => ProcessLimit.Of(Resources) ?? 0;

    private bool HasShares => Systems.Shares.Count > 0;

    private long Overhead => MemoryOverhead.Of(Options.Hardware.UseKvm, HasShares, Options.Hardware.MemoryBytes);

    private SandboxLimits Limits => new(UsualMemory, Overhead, Options.Hardware.Cpus);

    private long UsualMemory => !Cgroups.Memory ? 0
        : MemoryOverhead.Usual(Options.Hardware.UseKvm, HasShares, Options.Hardware.MemoryBytes)
            // Its volumes in memory come later; engines count them to what it may use.
            + (IsPod ? Options.Hardware.MemoryBytes : 0)
            + new MemoryFileSystems(Mounts, MemoryFileSystems.OfHost()).Bytes(WritablePlaces);

    private IEnumerable<string> WritablePlaces =>
    [
        .. Systems.Shares.Where(static share => !share.ReadOnly).Select(static share => share.Source),
        .. Disks.Disks.Where(static item => !item.Disk.ReadOnly).Select(static item => item.Source),
    ];

    // The file server has each file open that the guest has, and who relays ports has a socket for each connection.
    private long OpenFiles
        => CurrentProcess.MostOpenFiles(HasShares || SharesAddresses ? Rlimit.MostOpenFiles : UsualOpenFiles);

    private string[] LimitNotices => Cgroups.Memory ? []
        : ["nothing limits the sandbox's memory: no cgroup of this host counts it"];

    private static string[] BuilderNotices => BuilderGroup.Missing is { } reason
        ? [$"what built something for this machine had its own limits and no cgroup: {reason}"] : [];

    private FileServerIdentity FileServer => IsPod ? FileServerIdentity.OfPod
        : FileServerIdentity.Of(Spec["process"]) is var identity
            && Systems.Shares.Any(static share => !share.ReadOnly) ? identity : identity.ForReading();

    /// <summary>Makes what the guest may not, before its file server is confined.</summary>
    internal void MakeMountPoints()
    {
        if (IsPod || !Options.RootIsShare || FileServerIdentity.Of(Spec["process"]).OverridesModes) return;
        MountPoints.Make(Bundle.RootPath,
        [
            ("/proc", false), ($"/lib/modules/{Kernel.Release}", false),
            .. Systems.Mounts(Options.Systemd).Select(static mount => (mount.Target, mount.IsFile)),
            .. Systems.Files.Select(static file => (file.Target, true)),
        ], [Workload.WorkingDirectory]);
    }

    /// <summary>For the guest's init.</summary>
    internal Setup Setup() => new()
    {
        HostName = Spec["hostname"]?.GetValue<string>() ?? HostNames.OfHost(Spec),
        DomainName = Spec["domainname"]?.GetValue<string>() ?? "",
        RootDisk = Options.RootIsShare ? null : MachineDisks.Root,
        RootShare = Options.RootIsShare && !IsPod ? (uint)Systems.Shares.Count : 0,
        IsPod = IsPod,
        ScratchDisk = MachineDisks.Scratch,
        ModulesDisk = Kernel.ModulesImagePath == null ? null : MachineDisks.Modules,
        LayerDisk = Disks.LayerPaths.Count == 0 ? null : MachineDisks.Layer,
        LayerPaths = Disks.LayerPaths,
        MountAllModules = Options.MountAllModules,
        Mounts = Systems.Mounts(Options.Systemd),
        Sockets = [.. Systems.Sockets.Select(static socket => new HostSocket(socket.Status.Owner, socket.Status.Group, socket.Status.Permissions))],
        Files = Systems.Files,
        Sysctls = [.. (Spec["linux"]?["sysctl"] as JsonObject ?? []).Select(static item => KeyValuePair.Create(item.Key, item.Value!.GetValue<string>()))],
        LeastSysctls = ServerSysctls.Read(),
        Cgroups = Options.Systemd || IsPod ? CgroupLayout.None : (CgroupLayout)Options.CgroupMode,
        Systemd = Options.Systemd,
        // systemd is an init itself, and has to be the first process.
        Init = !Options.Systemd && (Options.Init || Systems.HasInit),
        ProcessLimit = MostProcesses,
        // Laid over the file only where it differs: what covers a part of /proc keeps nested containers without root
        // from mounting one of their own.
        CommandLine = Warm.File == null || Options.KernelArguments.Length == 0 ? null : CommandLine,
        ReadOnlyRoot = Spec["root"]?["readonly"]?.GetValue<bool>() ?? false,
        MaskedPaths = GuestPaths.Of(Spec["linux"]?["maskedPaths"]),
        ReadOnlyPaths = GuestPaths.Of(Spec["linux"]?["readonlyPaths"]),
    };

    /// <summary>For the supervisor.</summary>
    internal MachineDescription Description() => new()
    {
        Kind = Program.Kind.Choice,
        Architecture = Installed.Machine,
        Hardware = Options.Hardware,
        Hypervisor = Program.InSandbox,
        HypervisorVersion = Program.Version,
        HypervisorUser = HypervisorUser,
        KernelCommandLine = CommandLine,
        IsRestored = Warm.File != null || Moment != null,
        Moment = Moment?.Name ?? "",
        MomentCards = Moment?.Record.Cards ?? 0,
        ArePlacesLast = Moment?.Record.ArePlacesLast ?? false,
        Disks = [.. Disks.Disks.Select(static item => item.Disk)],
        BootTimeout = (int)BootTimeout.TotalSeconds,
        LogLevel = (int)Options.LogLevel,
        KernelDebug = Options.KernelDebug,
        SharesAddresses = SharesAddresses,
        MaySpoof = MaySpoof,
        Egress = [.. Options.Egress.Select(static policy => policy.Text)],
        HasNamespacePrograms = NamespacePrograms != null,
        LetsJoinedOut = Options.LetsJoinedOut,
        Notices =
        [
            .. Warnings, .. LimitNotices, .. BuilderNotices, .. WarmNotices, .. Systems.Notices, .. Disks.Notices,
        ],
        Shares = [.. Systems.Shares.Select(static (share, index) => new ServedPath(Share.InSandbox(index), share.ReadOnly, share.Hidden))],
        IsPod = IsPod,
        FileServer = FileServer,
        Sockets = [.. Systems.Sockets.Select(static socket => socket.Source)],
        ShareCache = (byte)Options.ShareCache,
        SandboxMemoryLimit = MemoryLimit.Of(Resources) is { } limit ? limit + Overhead : 0,
        UsualMemory = UsualMemory,
        CountsProcesses = MostProcesses > 0,
        IsPodmans = Bundle.IsPodmans,
        TurnPatience = Options.Hardware.UseKvm ? 0 : BootTurns.PatienceOfNew(),
        HasLandlock = LandlockRules.Version > 0,
    };

    /// <summary>For the sandbox.</summary>
    internal SandboxParts Parts() => new()
    {
        Skeleton = SandboxSkeleton.Place,
        HypervisorFiles = Program.Files,
        Program = Installed.Host,
        Bundle = Bundle.Folder,
        Folder = Folder,
        Vmlinux = Kernel.VmlinuxPath,
        Initramfs = Initramfs,
        Disks = Disks.Disks,
        Files = SharesAddresses ? [.. Systems.Sources.Select(static file => (NetworkChoice.ResolverOf(file.Source), file.Target))] : Systems.Sources,
        ByName = Program.Kind.OpensByName ? (Program.OnHost, Program.InSandbox) : null,
        Shares = Systems.Shares,
        Sockets = Systems.Sockets,
        Hardware = Options.Hardware,
        SharesAddresses = SharesAddresses,
        Limits = Limits,
        Cgroups = Cgroups,
        OomScore = IsPod ? CurrentProcess.PossibleOomScore(PodRules.OomScore(Spec)) : null,
        OpenFiles = OpenFiles,
    };

    /// <summary>For whoever operates the host.</summary>
    internal MachineRecord Record(Timeline timeline) => new()
    {
        Kernel = Kernel.Name,
        Bundle = Bundle.Folder,
        Created = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
        Disks = [.. Disks.Disks.Select(static item => KeyValuePair.Create(item.Disk.Serial, item.Source))],
        Programs = [Program.OnHost, Kernel.VmlinuxPath, Initramfs],
        Steps = timeline.Steps,
    };
}
