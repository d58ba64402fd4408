using System.Globalization;
using Runcvm.Installation;
using Runcvm.Linux.Processes;
using Runcvm.Options;

namespace Runcvm.Operating;

/// <summary>What of a host weakens the walls between machines. None of it keeps a machine from running, so each finding
/// is at most a warning.</summary>
/// <param name="root">below which the host's files are looked up: empty for this host, a folder for a test</param>
internal sealed class IsolationChecks(string root = "")
{
    private const int VersionWithTcp = 4, VersionWithScopes = 6;

    internal static IReadOnlyList<Func<HostConfig, Finding?>> All { get; } = Of(new IsolationChecks());

    private static Func<HostConfig, Finding?>[] Of(IsolationChecks host) =>
    [
        static config => Boundary(HostFacts.Look(config, InstalledFiles.Own().Library)),
        _ => host.SiblingThreads(),
        _ => host.MergedPages(),
        _ => host.Swap(),
        _ => host.CoreDumps(),
        _ => host.Tracing(),
        _ => host.UserNamespaces(),
        config => host.HypervisorUsers(config.HypervisorUsers),
        static _ => Landlock(LandlockRules.Version),
    ];

    internal static Finding Boundary(HostFacts host) => host.RunsGuests
        ? Finding.Fine("isolation", "KVM, and the sandbox around it")
        : Finding.Warning(
            "isolation",
            "machines are emulated (TCG), for which QEMU promises no isolation: the sandbox is the only wall",
            "run workloads that you do not trust on a host with KVM; docs/security.md says why");

    internal Finding? SiblingThreads() => Text("sys/devices/system/cpu/smt/active") switch
    {
        null => null,
        "1" => Finding.Warning(
            "SMT", "is on: threads of one core share caches, through which one machine may learn of another",
            "where tenants do not trust each other: echo off >/sys/devices/system/cpu/smt/control"),
        _ => Finding.Fine("SMT", "off"),
    };

    internal Finding? MergedPages() => Text("sys/kernel/mm/ksm/run") switch
    {
        null => null,
        "1" => Finding.Warning(
            "KSM", "is on: equal pages of machines are merged, and the time of a write tells that another has the same",
            "echo 2 >/sys/kernel/mm/ksm/run"),
        _ => Finding.Fine("KSM", "off"),
    };

    // Compressed swap in memory writes nothing to a disk.
    internal Finding Swap()
    {
        string[] places =
        [
            .. Lines("proc/swaps").Skip(1).Select(static line => line.Split(' ', '\t')[0])
                .Where(static place => place.Length > 0 && !place.StartsWith("/dev/zram", StringComparison.Ordinal)),
        ];
        return places.Length == 0
            ? Finding.Fine("swap", "none on a disk")
            : Finding.Warning(
                "swap", $"the memory of machines may be written to {string.Join(", ", places)}",
                "encrypt it, or swapoff -a");
    }

    internal Finding CoreDumps() => Text("proc/sys/fs/suid_dumpable") == "1"
        ? Finding.Warning(
            "core dumps",
            "programs that changed their user leave them for that user, with all that they held in memory",
            "sysctl -w fs.suid_dumpable=0")
        : Finding.Fine("core dumps", "none of privileged programs that other users could read");

    internal Finding Tracing() => Text("proc/sys/kernel/yama/ptrace_scope") is null or "0"
        ? Finding.Warning(
            "ptrace", "a process may read the memory of any other of its user",
            "sysctl -w kernel.yama.ptrace_scope=1, where the kernel has Yama")
        : Finding.Fine("ptrace", "restricted by Yama");

    internal Finding UserNamespaces()
    {
        if (Text("proc/sys/kernel/unprivileged_userns_clone") == "0"
            || Text("proc/sys/user/max_user_namespaces") is null or "0"
            || Text("proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1")
        {
            return Finding.Fine("user namespaces", "not for everybody");
        }

        string cure = Text("proc/sys/kernel/unprivileged_userns_clone") != null
            ? "sysctl -w kernel.unprivileged_userns_clone=0"
            : "sysctl -w user.max_user_namespaces=0";
        return Finding.Warning(
            "user namespaces", "any user may make them, and reach parts of the kernel that only root reaches else",
            $"where no rootless engine needs them: {cure}");
    }

    internal Finding HypervisorUsers(UserRange users)
    {
        uint first = users.First, last = users.First + users.Count - 1;
        string range = $"{first} to {last}";
        string? taken = Lines("etc/passwd").Select(static line => line.Split(':'))
                .Where(fields => fields.Length > 2 && Number(fields[2]) is { } user && user >= first && user <= last)
                .Select(static fields => $"{fields[0]} in /etc/passwd").FirstOrDefault()
            ?? Lines("etc/subuid").Select(static line => line.Split(':'))
                .Where(fields => fields.Length == 3 && Number(fields[1]) is { } start && Number(fields[2]) is { } length
                    && start <= last && start + length > first)
                .Select(static fields => $"{fields[0]} in /etc/subuid").FirstOrDefault();
        return taken == null
            ? Finding.Fine("hypervisors' users", $"{range}, nobody else's")
            : Finding.Warning(
                "hypervisors' users", $"{range} has also {taken}: a hypervisor and that user may signal each other",
                $"give RunCVM another range: vmm_users in {HostConfig.File}");
    }

    /// <param name="version">that the kernel answers with; 0 is none</param>
    internal static Finding Landlock(int version) => version switch
    {
        0 => Finding.Warning(
            "Landlock",
            "the kernel has none, or it is off: what hypervisors and builders reach is bounded by mounts alone",
            "boot a kernel of 5.13 or later with CONFIG_SECURITY_LANDLOCK, and landlock among lsm= where that is set"),
        < VersionWithTcp => Finding.Fine("Landlock", $"version {version}, for files; TCP since Linux 6.7"),
        < VersionWithScopes => Finding.Fine("Landlock", $"version {version}, for files and TCP"),
        _ => Finding.Fine("Landlock", $"version {version}, for files, TCP, signals and abstract sockets"),
    };

    private static ulong? Number(string text)
        => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) ? number : null;

    private string? Text(string file)
        => File.Exists($"{root}/{file}") ? File.ReadAllText($"{root}/{file}").Trim() : null;

    private string[] Lines(string file) => File.Exists($"{root}/{file}") ? File.ReadAllLines($"{root}/{file}") : [];
}
