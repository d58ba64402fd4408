using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Runcvm.Linux.Mounts;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol.Messages;

namespace Runcvm.Sandbox;

/// <summary>A container of a pod: what the guest is told of it, and what of the host it gets.</summary>
internal sealed class ContainerPlan
{
    private readonly List<GuestMount> _mounts = [];
    private readonly string _pod;

    private ContainerPlan(string pod) => _pod = pod;

    /// <summary>Files and folders of the host, in the order of the shares in <see cref="Setup"/>.</summary>
    internal List<(string Path, bool Recursive, bool ReadOnly)> Sources { get; } = [];

    internal ContainerSetup Setup { get; private set; } = null!;

    /// <summary>Number of the host's process that stands for the container whose processes this one is to see; null
    /// where it is to see its own, or the pod's.</summary>
    internal string? Target { get; private set; }

    /// <summary>Reads a container's spec.</summary>
    /// <param name="bundle">its bundle</param>
    /// <param name="pod">id of the pod's sandbox</param>
    /// <param name="hasInput">whether anything will come on its standard input</param>
    /// <param name="machine">the guest's processor</param>
    /// <exception cref="UsageException">it asks for what a machine cannot give</exception>
    internal static ContainerPlan Of(Bundle bundle, string pod, bool hasInput, Architecture machine)
    {
        JsonObject spec = bundle.Spec;
        JsonNode? linux = spec["linux"];
        PodRules.CheckContainer(spec);
        UserNamespace.Check(linux);
        HostDevices.Check(linux);
        HostDevices.CheckHooks(spec["hooks"]);
        SandboxHooks.Check(spec["hooks"]);
        JsonObject process = spec["process"] as JsonObject
            ?? throw new UsageException("config.json describes no process");
        string[] environment = ProcessReader.Texts(process["env"]);
        string? own = Array.Find(
            environment, static entry => entry.StartsWith(Option.Prefix, StringComparison.Ordinal));
        if (own != null)
            throw new UsageException($"{own.Split('=')[0]} is the machine's, which is the pod's: "
                + "set it as an annotation of the pod (io.runcvm/…)");
        var plan = new ContainerPlan(pod);
        // Mount points are made in it, as by every runtime; what the container may do to it the guest decides.
        plan.Sources.Add((bundle.RootPath, true, false));
        foreach (JsonNode? mount in ProcessReader.Items(spec["mounts"])) plan.Add(mount!);
        plan.Target = PodRules.TargetOf(spec);
        plan.Setup = new ContainerSetup
        {
            RootShare = 1,
            ReadOnlyRoot = spec["root"]?["readonly"]?.GetValue<bool>() ?? false,
            Mounts = plan._mounts,
            MaskedPaths = Paths(linux?["maskedPaths"]),
            ReadOnlyPaths = Paths(linux?["readonlyPaths"]),
            SharesProcesses = plan.Target == null && NamespacePath(linux, "pid") != null,
            HasDevices = HostDevices.AllowsAll(linux?["resources"]?["devices"]),
            Limits = Limits(linux?["resources"]),
            Filter = SeccompReader.Program(linux?["seccomp"], machine),
            Process = ProcessReader.Read(process, environment, static () => false) with
            {
                Capabilities = ProcessReader.ExactCapabilities(process["capabilities"]),
                HasInput = hasInput,
            },
        };
        return plan;
    }

    /// <summary>Limits that a container is to have from now on: a negative number is none, and 0 what it
    /// had.</summary>
    /// <param name="resources">as `update --resources` gives them</param>
    internal static ContainerLimits Changed(JsonNode resources)
    {
        JsonNode? cpu = resources["cpu"];
        return new ContainerLimits
        {
            Memory = Bounded(resources["memory"]?["limit"]?.GetValue<long>()),
            Processes = Bounded(resources["pids"]?["limit"]?.GetValue<long>()),
            CpuQuota = Bounded(cpu?["quota"]?.GetValue<long>()),
            CpuPeriod = Positive(cpu?["period"]?.GetValue<long>()),
            CpuWeight = Weight(Positive(cpu?["shares"]?.GetValue<long>())),
        };

        static long Bounded(long? limit) => limit < 0 ? -1 : Positive(limit);
    }

    private void Add(JsonNode mount)
    {
        string target = mount["destination"]?.GetValue<string>() ?? "";
        string type = mount["type"]?.GetValue<string>() ?? "";
        string source = mount["source"]?.GetValue<string>() ?? "";
        string[] options = ProcessReader.Texts(mount["options"]);
        if (type == "bind" || Array.Exists(options, static option => option is "bind" or "rbind"))
        {
            AddBind(source, target, options);
            return;
        }

        (MountFlags flags, string data) = MountOptions.Split(options);
        switch (type)
        {
            // Every container's, made before the others.
            case "proc" or "devpts":
            case "tmpfs" when target == "/dev":
                break;
            case "tmpfs":
                _mounts.Add(new GuestMount("tmpfs", "tmpfs", target, (ulong)flags, data));
                break;
            case "sysfs" or "mqueue":
                _mounts.Add(new GuestMount(type, type, target, (ulong)flags, ""));
                break;
            case "cgroup" or "cgroup2":
                _mounts.Add(new GuestMount("cgroup2", "cgroup2", target, (ulong)flags, ""));
                break;
            default:
                throw new UsageException(
                    $"the mount of type '{type}' at {target} cannot be had in a pod's machine: "
                    + "it takes volumes and tmpfs");
        }
    }

    private void AddBind(string source, string target, string[] options)
    {
        (MountFlags flags, _) = MountOptions.Split(options);
        // The engine's is in a folder of the sandbox; another is a volume.
        if (target == "/dev/shm" && source.Split('/').Contains(_pod))
        {
            _mounts.Add(new GuestMount(GuestMount.OfPod, "shm", target, 0, ""));
            return;
        }

        if (OwnOfTheGuest.Has(source, target)) return;
        if (Array.Find(options, static option => option is "shared" or "rshared" or "slave" or "rslave") is { } spread)
            throw new UsageException(
                $"{target}: mountPropagation ({spread}) has no meaning between two kernels; leave it out (None)");
        Share share = Share.From(source, target, options);
        if (Sources.Count == JoinPod.MostShares)
            throw new UsageException(
                $"a container of a pod cannot have more than {JoinPod.MostShares - 1} volumes and files");
        Sources.Add((source, share.Options == "rbind", share.ReadOnly));
        if (share.ReadOnly) flags |= MountFlags.ReadOnly;
        _mounts.Add(new GuestMount("fuse", "share", target, (ulong)flags, "")
        {
            Share = (uint)Sources.Count,
            IsFile = share.IsFile,
        });
    }

    // Unlike those of a machine with a workload of its own: beside this container there are others on its kernel.
    private static string[] Paths(JsonNode? list)
    {
        string[] paths = ProcessReader.Texts(list);
        return Array.Find(paths, static path => !path.StartsWith('/')) is { } relative
            ? throw new UsageException($"'{relative}' is to be masked or read-only, and is no absolute path")
            : paths;
    }

    private static string? NamespacePath(JsonNode? linux, string type)
        => ProcessReader.Items(linux?["namespaces"])
            .FirstOrDefault(item => item?["type"]?.GetValue<string>() == type)?["path"]?.GetValue<string>();

    private static ContainerLimits Limits(JsonNode? resources)
    {
        JsonNode? cpu = resources?["cpu"];
        return new ContainerLimits
        {
            Memory = Positive(MemoryLimit.Of(resources)),
            Processes = Positive(ProcessLimit.Of(resources)),
            CpuQuota = Positive(cpu?["quota"]?.GetValue<long>()),
            CpuPeriod = Positive(cpu?["period"]?.GetValue<long>()),
            CpuWeight = Weight(Positive(cpu?["shares"]?.GetValue<long>())),
        };
    }

    private static long Positive(long? limit) => limit is > 0 and < long.MaxValue / 2 ? limit.Value : 0;

    // Version 1's shares, from 2 to 262144, as version 2's weights, from 1 to 10000: runc's own rule.
    private static long Weight(long shares)
        => shares == 0 ? 0 : 1 + (Math.Clamp(shares, 2, 262_144) - 2) * 9999 / 262_142;
}
