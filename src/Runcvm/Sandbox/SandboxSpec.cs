using System.Text.Json.Nodes;
using Runcvm.Linux.Files;
using Runcvm.Oci;
using Runcvm.Protocol;

namespace Runcvm.Sandbox;

/// <summary>Turns a container's spec into that of the sandbox around its virtual machine: a list of small rewrites, each of
/// which can be read alone. What is not named here stays as the engine wrote it: cgroup, AppArmor, SELinux.</summary>
internal static class SandboxSpec
{
    internal const string Program = Bundle.SandboxProgram;
    private const string Kvm = "/dev/kvm";
    private const string Tun = "/dev/net/tun";
    private const string VhostNet = "/dev/vhost-net";

    /// <summary>What it takes to put hypervisor and file server into compartments. The supervisor has them until that is done, and reads
    /// nothing of guest, image or hypervisor before.</summary>
    internal static readonly string[] SetUpCapabilities = ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SETPCAP", "CAP_SETUID", "CAP_SETGID"];

    /// <summary>What it takes to act for any user of the guest on the files of a share. It never becomes that user.</summary>
    internal static readonly string[] FileServerCapabilities =
        ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD", "CAP_SETFCAP"];

    /// <summary>What a file server has that acts for all users: leases (fcntl(2), F_SETLEASE) on files of others, which
    /// tell whether somebody else writes them.</summary>
    internal const string LeaseCapability = "CAP_LEASE";

    internal static void Rewrite(JsonObject spec, SandboxParts parts)
    {
        JsonObject linux = Child(spec, "linux");
        spec["root"] = new JsonObject { ["path"] = parts.Skeleton, ["readonly"] = true };
        RewriteProcess(Child(spec, "process"), ["/runcvm", "supervise"],
        [
            "CAP_NET_ADMIN",
            .. SetUpCapabilities
                .Union(parts.Shares.Count > 0 ? [.. FileServerCapabilities, LeaseCapability] : [])
                .Union(parts.Sockets.Count > 0 ? ForwardedSocket.Capabilities : [])
                .Union(parts.SharesAddresses ? ["CAP_NET_BIND_SERVICE"] : []),
        ]);
        spec["mounts"] = Mounts(parts);
        RewriteNamespaces(linux);
        RewriteDevices(linux, parts);
        parts.Limits.Set(Child(linux, "resources"), parts.Cgroups);
        Child(spec, "process")["rlimits"] = OpenFiles(parts.OpenFiles);
        if (parts.OomScore is { } score) Child(spec, "process")["oomScoreAdj"] = score;
        HideKernel(linux);
        linux["sysctl"] = new JsonObject
        {
            ["net.ipv4.ip_local_port_range"] = $"{NamespacePorts.First} {NamespacePorts.Last}",
            // The supervisor listens where the guest does, without any capability.
            ["net.ipv4.ip_unprivileged_port_start"] = "0",
        };
        linux.Remove("rootfsPropagation");
        // What the engine gives is a wish about the workload; the sandbox has its own.
        linux["seccomp"] = SeccompProfile.Json();
        DropAnnotations(spec);
        SandboxHooks.Rewrite(spec, parts.Program, parts.Bundle);
    }

    /// <summary>Hides of the host's kernel what every container runtime hides.</summary>
    internal static void HideKernel(JsonObject linux)
    {
        linux["maskedPaths"] = SpecMount.Texts("/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
            "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats");
        linux["readonlyPaths"] =
            SpecMount.Texts("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger");
    }

    /// <summary>What a process of the sandbox may do: next to nothing.</summary>
    internal static void RewriteProcess(JsonObject process, string[] arguments, string[] capabilities)
    {
        process["args"] = SpecMount.Texts(arguments);
        process["env"] = SpecMount.Texts("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin");
        process["cwd"] = "/";
        process["user"] = new JsonObject { ["uid"] = 0, ["gid"] = 0 };
        process["noNewPrivileges"] = true;
        process.Remove("rlimits");
        process["capabilities"] = new JsonObject
        {
            ["bounding"] = SpecMount.Texts(capabilities),
            ["effective"] = SpecMount.Texts(capabilities),
            ["permitted"] = SpecMount.Texts(capabilities),
        };
    }

    private static JsonArray OpenFiles(long most)
        => [(JsonNode)new JsonObject { ["type"] = "RLIMIT_NOFILE", ["soft"] = most, ["hard"] = most }];

    private static JsonArray Mounts(SandboxParts parts)
    {
        var mounts = new JsonArray
        {
            SpecMount.Of("proc", "proc", "/proc", "nosuid", "noexec", "nodev"),
            SpecMount.Of("tmpfs", "tmpfs", "/dev", "nosuid", "strictatime", "mode=755", "size=64k"),
            SpecMount.Of("devpts", "devpts", "/dev/pts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
            SpecMount.Bind(parts.Program, Program, "ro", "nosuid", "nodev"),
            // Mount points are made in file systems of the sandbox's own: the skeleton is one for all machines.
            SpecMount.Tmpfs("/run", "256k", "noexec"),
            SpecMount.Bind(parts.Folder, MachineFolder.Root, "ro", "nosuid", "nodev", "noexec"),
            SpecMount.Bind(MachineFolder.WritableOf(parts.Folder), MachineFolder.WritableInSandbox, "rw", "nosuid", "nodev", "noexec"),
        };
        if (!parts.Hardware.UseKvm) mounts.Add(SpecMount.Bind(BootTurns.Folder, BootTurns.InSandbox, "ro", "nosuid", "nodev", "noexec"));
        foreach (JsonNode mount in HypervisorTree.Mounts(parts)) mounts.Add(mount);
        foreach (JsonNode mount in BrokerTree.Mounts(parts)) mounts.Add(mount);
        if (parts.ByName == null)
        {
            // It gets its disks as open files.
            mounts.Add(SpecMount.Tmpfs(HypervisorTree.Disks, "64k", "noexec"));
            foreach ((string source, MachineDisk disk) in parts.Disks)
                mounts.Add(SpecMount.Bind(source, disk.Path, disk.ReadOnly ? "ro" : "rw", "nosuid", "nodev", "noexec"));
        }

        if (parts.Files.Count > 0) mounts.Add(SpecMount.Tmpfs("/etc", "64k", "noexec"));
        foreach ((string source, string target) in parts.Files) mounts.Add(SpecMount.Bind(source, target, "ro", "nosuid", "nodev", "noexec"));
        AddShares(mounts, parts.Shares);
        return mounts;
    }

    private static void AddShares(JsonArray mounts, IReadOnlyList<Share> shares)
    {
        if (shares.Count == 0) return;
        mounts.Add(SpecMount.Of("tmpfs", "tmpfs", Share.Folder, "ro", "nosuid", "nodev", "noexec", "mode=755", "size=256k"));
        // The file server uses files by their numbers in /proc/self/fd, for want of another way, and sees itself alone.
        string proc = Share.Folder + "/proc";
        mounts.Add(SpecMount.Of("proc", "proc", proc, "ro", "nosuid", "nodev", "noexec", "hidepid=ptraceable", "subset=pid"));
        for (int i = 0; i < shares.Count; i++)
        {
            string access = shares[i].ReadOnly ? "ro" : "rw";
            mounts.Add(SpecMount.Of("bind", shares[i].Source, Share.InSandbox(i), shares[i].Options, "rprivate", access, "nosuid", "nodev", "noexec"));
        }
    }

    // Only the network may be somebody else's: the machine takes part in it like the container would. The rest is the
    // sandbox's own, whatever the user shared with the host.
    private static void RewriteNamespaces(JsonObject linux)
    {
        var namespaces = new JsonArray();
        foreach (JsonNode? item in ProcessReader.Items(linux["namespaces"]))
        {
            string type = item!["type"]!.GetValue<string>();
            if (type is "network" or "user" or "cgroup") namespaces.Add(item.DeepClone());
        }

        foreach (string type in (string[])["pid", "mount", "ipc", "uts"]) namespaces.Add((JsonNode)new JsonObject { ["type"] = type });
        linux["namespaces"] = namespaces;
    }

    private static void RewriteDevices(JsonObject linux, SandboxParts parts)
    {
        var devices = new JsonArray { Device(Tun), Device("/dev/null", HypervisorTree.Root), Device("/dev/urandom", HypervisorTree.Root) };
        // It opens its taps itself.
        if (parts.ByName != null) devices.Add(Device(Tun, HypervisorTree.Root));
        var rules = new JsonArray
        {
            (JsonNode)new JsonObject { ["allow"] = false, ["access"] = "rwm" },
            Rule(1, 3), Rule(1, 5), Rule(1, 7), Rule(1, 8), Rule(1, 9), Rule(5, 0), Rule(5, 1), Rule(5, 2), Rule(136, null),
            Rule(10, 200),
        };
        if (parts.Hardware.UseKvm) Give(Kvm, HypervisorTree.Root, 232);
        if (parts.Hardware.VhostNet) Give(VhostNet, "", 238);
        if (parts.Shares.Count > 0)
        {
            // Device nodes on a volume, as every container may make them; the sandbox itself has its shares mounted without devices.
            rules.Add((JsonNode)new JsonObject { ["allow"] = true, ["type"] = "c", ["access"] = "m" });
            rules.Add((JsonNode)new JsonObject { ["allow"] = true, ["type"] = "b", ["access"] = "m" });
        }

        linux["devices"] = devices;
        Child(linux, "resources")["devices"] = rules;

        void Give(string path, string below, int minor)
        {
            devices.Add(Device(path, below));
            rules.Add(Rule(10, minor));
        }
    }

    private static JsonNode Device(string path, string below = "")
    {
        FileStatus status = FileStatus.TryOf(path, followLinks: true)
            ?? throw new UsageException($"{path} is missing on this host; load its kernel module (modprobe {Path.GetFileName(path).Replace('-', '_')})");
        return new JsonObject
        {
            ["path"] = below + path,
            ["type"] = "c",
            ["major"] = (long)((status.SpecialDevice >> 8) & 0xfff),
            ["minor"] = (long)(status.SpecialDevice & 0xff),
            // The hypervisor is another user than the supervisor; nobody else is in the sandbox.
            ["fileMode"] = Permission.EverybodysFile,
            ["uid"] = 0,
            ["gid"] = 0,
        };
    }

    private static JsonNode Rule(int major, int? minor)
    {
        var rule = new JsonObject { ["allow"] = true, ["type"] = "c", ["major"] = major, ["access"] = "rwm" };
        if (minor != null) rule["minor"] = minor;
        return rule;
    }

    // They choose another handler or other rules for what crun makes of this container, which is the sandbox.
    internal static void DropAnnotations(JsonObject spec)
    {
        if (spec["annotations"] is not JsonObject annotations) return;
        string[] meant = [.. annotations.Select(static item => item.Key).Where(static key =>
            key.StartsWith("run.oci.", StringComparison.Ordinal) || key.StartsWith("module.wasm.", StringComparison.Ordinal))];
        foreach (string key in meant) annotations.Remove(key);
    }

    internal static JsonObject Child(JsonObject parent, string name)
    {
        if (parent[name] is JsonObject child) return child;
        var made = new JsonObject();
        parent[name] = made;
        return made;
    }
}
