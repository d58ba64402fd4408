using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Runcvm.Kernels;
using Runcvm.Tests.Layout;

namespace Runcvm.Tests.Kernels;

/// <summary>The tuned kernel's resolved configuration (<c>kernel/resolved/</c>, made by <c>make kernel-config</c>) against what the
/// programs that shall run in it ask of a kernel. The lists are ours; beside each stands where its owner says so.</summary>
public class TunedKernelTests
{
    // moby, contrib/check-config.sh: "Generally Necessary" and "Optional Features"; left out are real-time groups, which keep
    // real-time threads from running in systemd's cgroups, and drivers of old engines (aufs, devicemapper, zfs).
    private const string Docker =
        """
        NAMESPACES NET_NS PID_NS IPC_NS UTS_NS USER_NS CGROUPS CGROUP_CPUACCT CGROUP_DEVICE CGROUP_FREEZER CGROUP_SCHED CPUSETS
        MEMCG KEYS VETH BRIDGE BRIDGE_NETFILTER IP_NF_FILTER IP_NF_MANGLE IP_NF_TARGET_MASQUERADE IP_NF_RAW IP_NF_NAT NF_NAT
        IP6_NF_FILTER IP6_NF_MANGLE IP6_NF_TARGET_MASQUERADE IP6_NF_RAW IP6_NF_NAT NETFILTER_XT_MATCH_ADDRTYPE
        NETFILTER_XT_MATCH_CONNTRACK NETFILTER_XT_MATCH_IPVS NETFILTER_XT_MARK POSIX_MQUEUE CGROUP_BPF
        SECCOMP SECCOMP_FILTER CGROUP_PIDS BLK_CGROUP BLK_DEV_THROTTLING CGROUP_PERF CGROUP_HUGETLB NET_CLS_CGROUP CGROUP_NET_PRIO
        CFS_BANDWIDTH FAIR_GROUP_SCHED IP_NF_TARGET_REDIRECT IP_VS IP_VS_NFCT IP_VS_PROTO_TCP IP_VS_PROTO_UDP IP_VS_RR
        SECURITY_APPARMOR EXT4_FS EXT4_FS_POSIX_ACL EXT4_FS_SECURITY VXLAN BRIDGE_VLAN_FILTERING CRYPTO CRYPTO_AEAD CRYPTO_GCM
        CRYPTO_SEQIV CRYPTO_GHASH XFRM XFRM_USER XFRM_ALGO INET_ESP NETFILTER_XT_MATCH_BPF IPVLAN MACVLAN DUMMY NF_NAT_FTP
        NF_CONNTRACK_FTP NF_NAT_TFTP NF_CONNTRACK_TFTP BTRFS_FS BTRFS_FS_POSIX_ACL OVERLAY_FS
        NF_TABLES NF_TABLES_INET NFT_CT NFT_NAT NFT_MASQ NFT_FIB NFT_FIB_IPV4 NFT_FIB_IPV6
        """;

    // kubernetes/system-validators, system spec of Linux; kube-proxy's modes iptables, ipvs and nftables as its pages on kubernetes.io
    // describe them; the bridge plugin's net.bridge.bridge-nf-call-iptables.
    private const string Kubernetes =
        """
        NAMESPACES NET_NS PID_NS IPC_NS UTS_NS CGROUPS CGROUP_BPF CGROUP_CPUACCT CGROUP_DEVICE CGROUP_FREEZER CGROUP_PIDS CGROUP_SCHED
        CPUSETS MEMCG INET EXT4_FS PROC_FS OVERLAY_FS BLK_DEV_DM CFS_BANDWIDTH CGROUP_HUGETLB SECCOMP SECCOMP_FILTER FAIR_GROUP_SCHED
        NETFILTER_XT_TARGET_REDIRECT NETFILTER_XT_MATCH_COMMENT NETFILTER_XT_MATCH_STATISTIC NETFILTER_XT_MATCH_RECENT
        NETFILTER_XT_MATCH_MULTIPORT NETFILTER_XT_MATCH_PHYSDEV NETFILTER_XT_MATCH_NFACCT NETFILTER_XT_SET IP_SET IP_SET_HASH_IP
        IP_SET_HASH_NET IP_SET_HASH_IPPORT IP_SET_HASH_IPPORTIP IP_SET_HASH_IPPORTNET IP_SET_BITMAP_PORT IP_VS IP_VS_RR IP_VS_WRR
        IP_VS_SH IP_VS_LC IP_VS_DH IP_VS_SED IP_VS_NQ IP_VS_PROTO_SCTP NF_CONNTRACK NF_CT_NETLINK NFT_NUMGEN NFT_HASH NFT_REJECT
        BRIDGE_NETFILTER VXLAN GENEVE NET_IPIP WIREGUARD IP_ADVANCED_ROUTER IP_MULTIPLE_TABLES NET_SCH_TBF NET_SCH_INGRESS NET_CLS_BPF
        NET_CLS_ACT BPF_SYSCALL BPF_JIT CRYPTO_USER_API_HASH CRYPTO_SHA1
        """;

    // systemd, README, "REQUIREMENTS". Its DMI tables are no part of a microVM, autofs is for automount units.
    private const string Systemd =
        """
        DEVTMPFS CGROUPS INOTIFY_USER SIGNALFD TIMERFD EPOLL UNIX SYSFS PROC_FS FHANDLE NET TMPFS_XATTR TMPFS_POSIX_ACL SECCOMP
        SECCOMP_FILTER CHECKPOINT_RESTORE KCMP CGROUP_BPF BPF_SYSCALL BPF_JIT CGROUP_SCHED FAIR_GROUP_SCHED CFS_BANDWIDTH MEMCG CGROUP_PIDS
        NET_NS USER_NS UTS_NS IPC_NS PID_NS TIME_NS IPV6 AUTOFS_FS NET_SCHED NET_SCH_FQ_CODEL CRYPTO_USER_API_HASH CRYPTO_HMAC
        CRYPTO_SHA256 PSI BINFMT_MISC COREDUMP FANOTIFY
        """;

    // podman, docs on rootless use and netavark's README: nftables or iptables, slirp4netns and pasta need tun, storage
    // overlay or fuse-overlayfs.
    private const string Podman =
        """
        USER_NS OVERLAY_FS FUSE_FS TUN VETH BRIDGE MACVLAN IPVLAN SECCOMP SECCOMP_FILTER KEYS CGROUP_BPF NF_TABLES NF_TABLES_INET
        NF_TABLES_IPV4 NF_TABLES_IPV6 NFT_CT NFT_MASQ NFT_NAT NFT_REJECT NFT_FIB_INET NFT_LIMIT NFT_LOG NFT_COMPAT
        NETFILTER_XT_TARGET_MASQUERADE NETFILTER_XT_MATCH_COMMENT
        """;

    // What RunCVM's own features rest on, beyond KernelNeeds.
    private const string Runcvm =
        """
        PVH KVM_GUEST PARAVIRT ACPI VIRTIO_MMIO VIRTIO_MMIO_CMDLINE_DEVICES VIRTIO_PCI VIRTIO_BLK VIRTIO_NET VIRTIO_CONSOLE
        VIRTIO_VSOCKETS VIRTIO_BALLOON HW_RANDOM_VIRTIO VIRTIO_FS SERIAL_EARLYCON SERIAL_8250_CONSOLE XFS_FS XFS_QUOTA QFMT_V2
        EROFS_FS_XATTR EROFS_FS_POSIX_ACL TMPFS_QUOTA VT_CONSOLE MEMCG_V1 CPUSETS_V1 HZ_250 MODULES CRYPTO_MANAGER_DISABLE_TESTS
        """;

    // What is left out on purpose, because it costs each boot or has no place in a microVM.
    private const string Absent = "RT_GROUP_SCHED VGA_CONSOLE FB HID USB SOUND DRM FTRACE DEBUG_FS NUMA SUSPEND RAID6_PQ_BENCHMARK BLK_DEV_RAM";

    private static KernelConfig Resolved { get; } = new(File.ReadLines(Path.Combine(Repository.Root, "kernel/resolved/x86-64.config")));

    [Theory]
    [InlineData("Docker", Docker)]
    [InlineData("Kubernetes", Kubernetes)]
    [InlineData("systemd", Systemd)]
    [InlineData("Podman", Podman)]
    [InlineData("RunCVM", Runcvm)]
    public void The_tuned_kernel_has_built_in_what_is_asked_of_it(string who, string symbols)
        => Assert.True(Words(symbols).All(static s => Resolved[s] == "y"),
            $"{who} asks for {string.Join(", ", Words(symbols).Where(static s => Resolved[s] != "y"))}");

    [Fact]
    public void It_has_not_what_costs_each_boot() => Assert.Equal([], Words(Absent).Where(Resolved.Has));

    [Fact]
    public void It_has_no_module_to_load() => Assert.DoesNotContain("m", Resolved.Values.Values);

    [Fact]
    public void The_resolved_configuration_is_that_of_the_fragments()
        => Assert.Equal([], Resolved.DifferencesFrom(KernelBuild.Wanted(x64: true, emulated: false)));

    [Fact]
    public void The_one_for_emulated_machines_lacks_mitigations_and_instructions_for_checksums_and_nothing_else()
    {
        KernelConfig emulated = KernelBuild.Wanted(x64: true, emulated: true);
        Assert.Equal("n", emulated["CPU_MITIGATIONS"]);
        string[] gone = [.. KernelBuild.Wanted(x64: true, emulated: false).Values.Keys.Except(emulated.Values.Keys)];
        Assert.Contains(gone, static symbol => symbol.StartsWith("MITIGATION_", StringComparison.Ordinal));
        Assert.Equal(
            ["CRYPTO_CRC32C_INTEL", "CRYPTO_GHASH_CLMUL_NI_INTEL", "CRYPTO_SHA256_SSSE3"],
            gone.Where(static symbol => !symbol.StartsWith("MITIGATION_", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Its_own_command_line_differs_in_the_memory_of_the_initialisation_only()
        => Assert.Equal(
            KernelBuild.Wanted(x64: true, emulated: false)["CMDLINE"],
            KernelBuild.Wanted(x64: true, emulated: true)["CMDLINE"].Replace(" keep_initmem=1", "", StringComparison.Ordinal));

    [Fact]
    public void What_a_build_asks_for_is_what_the_set_up_installs()
    {
        string setup = File.ReadAllText(Path.Combine(Repository.Root, "tools/setup.sh"));
        string installed = Regex.Match(setup, @"install_kernel_build\(\)[^}]*missing_of ([^)]*)\)").Groups[1].Value;
        // Every Debian has these.
        Assert.Equal(KernelBuild.Packages.Except(["tar", "dpkg"]).Order(StringComparer.Ordinal), Words(installed).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void It_passes_the_check_that_every_added_kernel_passes() => Assert.Equal([], KernelNeeds.MissingIn(Resolved, Architecture.X64));

    [Fact]
    public void The_fragments_for_arm64_ask_for_what_guests_need()
        => Assert.Equal([], KernelNeeds.MissingIn(KernelBuild.Wanted(x64: false, emulated: true), Architecture.Arm64));

    private static string[] Words(string text) => text.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
}
