using Runcvm.Egress;
using Runcvm.Machines;
using Runcvm.Syntax;

namespace Runcvm.Options;

// How to add an option: a row in OptionCatalogue (and the same row in docs/options.md, which a test compares), a property
// in RequestedOptions for what was written, a property here for what it comes to, and the rule between them in From. One
// that a machine is made of needs none of the latter three but a property of Machines/Hardware.cs: see CONTRIBUTING.md.

/// <summary>What a machine shall be: every option, decided. Made from the environment, the host's configuration, the host
/// and the container's specification in one place, so that nobody else has to know where a value came from.</summary>
internal sealed record MachineOptions
{
    private MachineOptions()
    {
    }

    /// <summary>What runs the machine. Default: Firecracker where it can, else QEMU.</summary>
    internal required Hypervisor Hypervisor { get; init; }

    /// <summary>What it is made of; the record has the defaults.</summary>
    internal required Hardware Hardware { get; init; }

    /// <summary>It goes on where another was saved, if there is one. Default: Auto.</summary>
    internal required WarmStart Warm { get; init; }

    /// <summary>The template from whose moment it goes on. Default: null, none.</summary>
    internal required string? Template { get; init; }

    /// <summary>Kernel of the store: DIST, DIST/VERSION or an absolute path without <c>..</c>, which the store has to find inside
    /// itself. Default: null, the store's choice.</summary>
    internal required string? Kernel { get; init; }

    /// <summary>Goes to the end of the kernel's command line. Default: empty.</summary>
    internal required string KernelArguments { get; init; }

    /// <summary>The kernel's modules cover all of /lib/modules instead of a folder in it. Default: false.</summary>
    internal required bool MountAllModules { get; init; }

    /// <summary>The kernel's log goes to the container's log. Default: false.</summary>
    internal required bool KernelDebug { get; init; }

    /// <summary>What is mounted under /sys/fs/cgroup. Default: V2; V1 where the kernel arguments say so.</summary>
    internal required CgroupMode CgroupMode { get; init; }

    /// <summary>The workload is systemd. Default: seen from its command.</summary>
    internal required bool Systemd { get; init; }

    /// <summary>A small init reaps children in front of the workload. Default: false.</summary>
    internal required bool Init { get; init; }

    /// <summary>A shell runs before the workload.</summary>
    internal required bool Break { get; init; }

    /// <summary>The network is taken for the host's. Default: false.</summary>
    internal required bool SaysHostNetwork { get; init; }

    /// <summary>The guest may send from addresses that are not the container's. Default: false.</summary>
    internal required bool MaySpoof { get; init; }

    /// <summary>What the machine may reach: what all of these allow. Default: none, which leaves it open.</summary>
    internal required IReadOnlyList<EgressPolicy> Egress { get; init; }

    /// <summary>Containers that joined its network get out past it. Default: false.</summary>
    internal required bool LetsJoinedOut { get; init; }

    /// <summary>Size of the sparse scratch disk in bytes. Default: 10 GiB.</summary>
    internal required long ScratchSizeBytes { get; init; }

    /// <summary>The root is the container's own, served like a volume; else an image and a disk. Default: true under QEMU, false under Firecracker.</summary>
    internal required bool RootIsShare { get; init; }

    /// <summary>The container itself says which. Default: false.</summary>
    internal required bool RootIsChosen { get; init; }

    /// <summary>Disks in backing files. Default: none.</summary>
    internal required IReadOnlyList<DiskRequest> Disks { get; init; }

    /// <summary>Sockets that are mounted are forwarded. Default: false, they are refused.</summary>
    internal required bool SharesSockets { get; init; }

    /// <summary>How long the guest may believe what it knows of shared files. Default: Auto.</summary>
    internal required ShareCache ShareCache { get; init; }

    /// <summary>What RunCVM itself writes to the container's log. Default: Error.</summary>
    internal required LogLevel LogLevel { get; init; }

    /// <summary>Names that are not known are errors. Default: true.</summary>
    internal required bool Strict { get; init; }

    /// <summary>Decides every option.</summary>
    /// <param name="environment">process.env; of a name that is there twice the last one counts</param>
    /// <param name="config">the host's configuration</param>
    /// <param name="host">what the host has</param>
    /// <param name="resources">what the specification says</param>
    /// <param name="warnings">sentences for the log</param>
    internal static MachineOptions From(
        IReadOnlyList<string> environment, HostConfig config, HostFacts host, SpecResources resources, out IReadOnlyList<string> warnings)
    {
        var said = new List<string>();
        Dictionary<string, OptionText> variables = Variables(environment);
        bool strict = IsStrict(variables, config);
        RequestedOptions usual = OptionCatalogue.Read(config.Options, new RequestedOptions(), strict, said);

        // A host's usual size must not beat what one user asks for with -m or --cpus; a variable does. What it says of QEMU alone
        // is not a wish for QEMU.
        RequestedOptions asked = OptionCatalogue.Read(
            variables, Alone(Overridable(usual)), strict, said);

        string arguments = string.Join(' ', new[] { asked.KernelArgs, asked.KernelAppend }.Where(a => !string.IsNullOrEmpty(a)));
        bool systemd = asked.Systemd ?? resources.WorkloadIsSystemd;
        warnings = said;
        Hypervisor hypervisor = MachineChoice.Hypervisor(asked, host);
        bool isFirecracker = hypervisor == Hypervisor.Firecracker;
        int cpus = MachineSize.Cpus(asked.Cpus, usual.Cpus, host, resources, said);
        long memory = MachineSize.Memory(asked.MemoryBytes, usual.MemoryBytes, systemd, resources);
        bool useKvm = !(isFirecracker && host.Firecracker!.IsTestDouble) && MachineChoice.UseKvm(asked, host);
        return new MachineOptions
        {
            Hypervisor = hypervisor,
            // What needs no decision passes as it was asked for.
            Hardware = asked.Hardware with
            {
                UseKvm = useKvm,
                Cpus = isFirecracker ? Math.Min(cpus, MachineChoice.MostFirecrackerCpus) : cpus,
                MemoryBytes = memory,
                BalloonMebibytes = MachineMemory.Balloon(asked.Hardware, memory),
                HugePages = Allowed(MachineMemory.HugePages(asked.Hardware, memory), usual.Hardware.HugePages,
                    "RUNCVM_HUGETLB", "takes huge pages of the host", config),
                PreallocateMemory = Allowed(
                    MachineChoice.OnlyQemu(asked.Hardware.PreallocateMemory, usual.Hardware.PreallocateMemory,
                        "RUNCVM_QEMU_MEM_PREALLOC", hypervisor),
                    usual.Hardware.PreallocateMemory, "RUNCVM_QEMU_MEM_PREALLOC",
                    "takes the host's memory before it is used", config),
                VhostNet = Allowed(
                    MachineChoice.VhostNet(asked.Hardware.VhostNet, usual.Hardware.VhostNet, hypervisor, useKvm),
                    usual.Hardware.VhostNet, "RUNCVM_QEMU_NET_VHOST", "reaches the host's kernel", config),
            },
            Warm = asked.Warm,
            Template = asked.Template,
            Kernel = asked.Kernel,
            KernelArguments = arguments,
            MountAllModules = asked.MountAllModules,
            KernelDebug = asked.KernelDebug,
            CgroupMode = asked.CgroupMode ?? MachineChoice.CgroupModeOf(arguments),
            Systemd = systemd,
            Init = asked.Init,
            Break = asked.Break,
            SaysHostNetwork = asked.SaysHostNetwork,
            MaySpoof = Allowed(asked.MaySpoof, usual.MaySpoof, "RUNCVM_NET_SPOOF", "reaches the host's network", config),
            Egress = Policies(usual.Egress, asked),
            LetsJoinedOut = LetsOut(usual, asked),
            ScratchSizeBytes = asked.ScratchSizeBytes ?? OptionCatalogue.DefaultScratchSize,
            // Firecracker has no device for files: without one each request goes through a program in the guest and a byte stream.
            // A template has its root on disks.
            RootIsShare = asked.RootIsShare ?? (!isFirecracker && asked.Template == null),
            RootIsChosen = variables.ContainsKey(OptionCatalogue.RootFileSystem),
            Disks = asked.Disks,
            SharesSockets = Allowed(asked.SharesSockets, usual.SharesSockets, "RUNCVM_SHARE_SOCKETS", "reaches the host's services", config),
            ShareCache = asked.ShareCache,
            LogLevel = asked.Debug ? LogLevel.Debug : asked.LogLevel ?? LogLevel.Error,
            Strict = strict,
        };
    }

    /// <summary>The policy that the host's configuration has for every machine; null where it has none.</summary>
    internal static EgressPolicy? HostEgress(HostConfig config)
        => OptionCatalogue.Read(config.Options, new RequestedOptions(), IsStrict([], config), []).Egress;

    /// <summary>The environment that the workload sees.</summary>
    internal static IReadOnlyList<string> WithoutRuncvm(IReadOnlyList<string> environment)
        => [.. environment.Where(entry => !IsOurs(entry))];

    // What a machine that asks for nothing does not inherit as its own wish.
    private static RequestedOptions Alone(RequestedOptions usual)
        => usual with
        {
            Cpus = null,
            MemoryBytes = null,
            Hardware = usual.Hardware with { PreallocateMemory = false, VhostNet = false },
            Egress = null,
        };

    // The host's is the ceiling, so that nobody's own can widen it.
    private static EgressPolicy[] Policies(EgressPolicy? host, RequestedOptions asked)
    {
        bool isSame = host?.Text == asked.Egress?.Text;
        EgressPolicy? ceiling = host == null ? null
            : host with { Origin = isSame ? EgressOrigin.Both : EgressOrigin.Host };
        EgressPolicy[] policies = [.. new[] { ceiling, isSame ? null : asked.Egress }.OfType<EgressPolicy>()];
        return policies.Length > 0 && asked.MaySpoof
            ? throw new UsageException(
                "RUNCVM_NET_SPOOF and RUNCVM_EGRESS exclude each other: a policy needs a machine's own addresses")
            : policies;
    }

    // Who is in the namespace is under no policy, so none may be walked around there.
    private static bool LetsOut(RequestedOptions usual, RequestedOptions asked)
    {
        bool lets = asked.LetsJoinedOut ?? false;
        // An image's variables are its maker's, whom the host need not trust.
        if (lets && usual.LetsJoinedOut == false)
            throw new UsageException($"RUNCVM_JOINED=direct is refused: {HostConfig.File} says joined = \"refuse\"");
        if (usual.Egress == null && asked.Egress == null) return lets;
        return !lets || usual.LetsJoinedOut == true ? false
            : throw new UsageException(
                "RUNCVM_JOINED=direct and RUNCVM_EGRESS exclude each other: who joined would leave past the policy");
    }

    // The older names of DEBUG count together where they are written together; what a container sets wins.
    private static RequestedOptions Overridable(RequestedOptions usual)
        => usual with { Debug = false, LogLevel = usual.Debug ? LogLevel.Debug : usual.LogLevel };

    // What the host's own configuration switches on is allowed by that.
    private static bool Allowed(bool asked, bool usual, string name, string cost, HostConfig config)
        => !asked || usual || config.Allow.Contains(name)
            ? asked
            : throw new UsageException($"{name} {cost}; list \"{Option.KeyOf(name)}\" under allow in {HostConfig.File} to let containers use it");

    private static bool IsOurs(string entry) => entry.StartsWith(Option.Prefix, StringComparison.Ordinal);

    // An empty value is how compose files and `-e NAME=` take back what an image sets: the option is not set.
    private static Dictionary<string, OptionText> Variables(IReadOnlyList<string> environment)
    {
        var variables = new Dictionary<string, OptionText>(StringComparer.Ordinal);
        foreach (string entry in environment.Where(IsOurs))
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? entry : entry[..equals];
            string value = equals < 0 ? "" : entry[(equals + 1)..];
            if (value.Length > 0) variables[name] = new OptionText(name, value);
            else variables.Remove(name);
        }

        return variables;
    }

    // Asked first, because what happens to the other names depends on it.
    private static bool IsStrict(Dictionary<string, OptionText> variables, HostConfig config)
        => variables.TryGetValue(OptionCatalogue.StrictName, out OptionText text)
            || config.Options.TryGetValue(OptionCatalogue.StrictName, out text)
            ? text.Flag()
            : true;
}
