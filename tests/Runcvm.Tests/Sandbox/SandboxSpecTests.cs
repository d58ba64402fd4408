using System.Text.Json.Nodes;
using Runcvm.Machines;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class SandboxSpecTests
{
    private const string OfSetUp = """["CAP_NET_ADMIN","CAP_SYS_ADMIN","CAP_SYS_CHROOT","CAP_SETPCAP","CAP_SETUID","CAP_SETGID"]""";

    private const string OnlySetUp = $$"""{"bounding":{{OfSetUp}},"effective":{{OfSetUp}},"permitted":{{OfSetUp}}}""";

    private const string Rules = """
        {"allow":false,"access":"rwm"},
        {"allow":true,"type":"c","major":1,"access":"rwm","minor":3},{"allow":true,"type":"c","major":1,"access":"rwm","minor":5},
        {"allow":true,"type":"c","major":1,"access":"rwm","minor":7},{"allow":true,"type":"c","major":1,"access":"rwm","minor":8},
        {"allow":true,"type":"c","major":1,"access":"rwm","minor":9},{"allow":true,"type":"c","major":5,"access":"rwm","minor":0},
        {"allow":true,"type":"c","major":5,"access":"rwm","minor":1},{"allow":true,"type":"c","major":5,"access":"rwm","minor":2},
        {"allow":true,"type":"c","major":136,"access":"rwm"},{"allow":true,"type":"c","major":10,"access":"rwm","minor":200}
        """;

    private const string Devices = """
        {"path":"/dev/net/tun","type":"c","major":10,"minor":200,"fileMode":438,"uid":0,"gid":0},
        {"path":"/vmm/dev/null","type":"c","major":1,"minor":3,"fileMode":438,"uid":0,"gid":0},
        {"path":"/vmm/dev/urandom","type":"c","major":1,"minor":9,"fileMode":438,"uid":0,"gid":0}
        """;

    [Fact]
    public void The_process_is_the_supervisor_with_next_to_no_rights()
    {
        JsonNode process = Rewritten(DockerConfig.Usual())["process"]!;
        DockerConfig.AssertJson("""["/runcvm","supervise"]""", process["args"]);
        DockerConfig.AssertJson("""["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"]""", process["env"]);
        DockerConfig.AssertJson("""{"uid":0,"gid":0}""", process["user"]);
        DockerConfig.AssertJson(OnlySetUp, process["capabilities"]);
        Assert.Equal("/", (string?)process["cwd"]);
        Assert.True((bool?)process["noNewPrivileges"]);
        Assert.Equal("docker-default", (string?)process["apparmorProfile"]);
    }

    [Fact]
    public void The_root_is_the_empty_skeleton_and_the_mounts_are_ours_alone()
    {
        JsonObject spec = Rewritten(DockerConfig.Usual());
        DockerConfig.AssertJson("""{"path":"/lib/skeleton","readonly":true}""", spec["root"]);
        DockerConfig.AssertJson("""
            [{"destination":"/proc","type":"proc","source":"proc","options":["nosuid","noexec","nodev"]},
             {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","strictatime","mode=755","size=64k"]},
             {"destination":"/dev/pts","type":"devpts","source":"devpts","options":["nosuid","noexec","newinstance","ptmxmode=0666","mode=0620"]},
             {"destination":"/runcvm","type":"bind","source":"/usr/bin/runcvm","options":["bind","ro","nosuid","nodev"]},
             {"destination":"/run","type":"tmpfs","source":"tmpfs","options":["ro","nosuid","nodev","noexec","mode=755","size=256k"]},
             {"destination":"/run/runcvm","type":"bind","source":"/run/runcvm/id","options":["bind","ro","nosuid","nodev","noexec"]},
             {"destination":"/run/sandbox","type":"bind","source":"/run/runcvm/id/sandbox","options":["bind","rw","nosuid","nodev","noexec"]},
             {"destination":"/run/boots","type":"bind","source":"/run/runcvm-boots","options":["bind","ro","nosuid","nodev","noexec"]},
             {"destination":"/vmm","type":"tmpfs","source":"tmpfs","options":["ro","nosuid","nodev","noexec","mode=755","size=64k"]},
             {"destination":"/vmm/runcvm","type":"bind","source":"/usr/bin/runcvm",
              "options":["bind","ro","nosuid","nodev"]},
             {"destination":"/vmm/usr/bin/qemu","type":"bind","source":"/usr/bin/qemu","options":["bind","ro","nosuid","nodev"]},
             {"destination":"/vmm/usr/lib","type":"bind","source":"/usr/lib","options":["bind","ro","nosuid","nodev"]},
             {"destination":"/vmm/boot/vmlinux","type":"bind","source":"/k/vmlinux","options":["bind","ro","nosuid","nodev","noexec"]},
             {"destination":"/vmm/boot/initramfs","type":"bind","source":"/k/initramfs","options":["bind","ro","nosuid","nodev","noexec"]},
             {"destination":"/vmm/dev","type":"tmpfs","source":"tmpfs","options":["ro","nosuid","noexec","mode=755","size=64k"]},
             {"destination":"/run/runcvm-broker","type":"tmpfs","source":"tmpfs",
              "options":["ro","nosuid","nodev","noexec","mode=700","size=64k"]},
             {"destination":"/run/runcvm-broker/runcvm","type":"bind","source":"/usr/bin/runcvm",
              "options":["bind","ro","nosuid","nodev"]},
             {"destination":"/disks","type":"tmpfs","source":"tmpfs","options":["ro","nosuid","nodev","noexec","mode=755","size=64k"]},
             {"destination":"/disks/root","type":"bind","source":"/i/root.erofs","options":["bind","ro","nosuid","nodev","noexec"]},
             {"destination":"/disks/scratch","type":"bind","source":"/i/scratch","options":["bind","rw","nosuid","nodev","noexec"]}]
            """, spec["mounts"]);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("/usr/bin/firecracker")]
    public void No_bind_of_the_hosts_own_files_takes_along_what_is_mounted_below(string? firecracker)
    {
        JsonArray mounts = Rewritten(DockerConfig.Usual(), firecracker: firecracker)["mounts"]!.AsArray();
        Assert.All(mounts, static mount => Assert.DoesNotContain("rbind", mount!["options"]!.AsArray().Select(static option => (string?)option)));
        Assert.All(mounts, static mount => Assert.Contains("nosuid", mount!["options"]!.AsArray().Select(static option => (string?)option)));
    }

    [Fact]
    public void The_engines_filter_of_system_calls_is_not_the_sandboxs()
    {
        JsonObject engines = DockerConfig.Usual();
        Assert.NotNull(engines["linux"]!["seccomp"]);
        Assert.True(JsonNode.DeepEquals(Rewritten(engines)["linux"]!["seccomp"], Rewritten(DockerConfig.Privileged())["linux"]!["seccomp"]));
    }

    [Fact]
    public void Firecracker_has_disks_and_taps_by_name_and_qemu_as_open_files()
    {
        string[] qemu = [.. Targets(Rewritten(DockerConfig.Usual()))];
        string[] firecracker = [.. Targets(Rewritten(DockerConfig.Usual(), firecracker: "/opt/firecracker"))];
        Assert.Contains("/disks/scratch", qemu);
        Assert.DoesNotContain("/vmm/disks/scratch", qemu);
        Assert.Contains("/vmm/disks/scratch", firecracker);
        Assert.Contains("/vmm/boot/firecracker", firecracker);
        Assert.DoesNotContain("/disks/scratch", firecracker);
    }

    [Fact]
    public void Limits_by_the_names_of_cgroup_v2_make_room_as_well()
    {
        JsonObject spec = DockerConfig.Usual();
        spec["linux"]!["resources"]!["unified"] = new JsonObject
        {
            ["memory.max"] = "536870912",
            ["memory.high"] = "max",
            ["memory.low"] = "0",
            ["memory.swap.max"] = "5",
            ["pids.max"] = "100",
            ["cpu.weight"] = "50",
        };
        DockerConfig.AssertJson(
            """
            {"memory.max":"536871912","memory.high":"max","memory.low":"0","memory.swap.max":"5","pids.max":"230",
             "cpu.weight":"50"}
            """,
            Rewritten(spec)["linux"]!["resources"]!["unified"]);
    }

    [Fact]
    public void Annotations_that_crun_would_obey_are_dropped()
    {
        JsonObject spec = DockerConfig.Usual();
        spec["annotations"] = new JsonObject { ["run.oci.handler"] = "krun", ["module.wasm.image/variant"] = "compat", ["mine"] = "kept" };
        DockerConfig.AssertJson("""{"mine":"kept"}""", Rewritten(spec)["annotations"]);
    }

    [Fact]
    public void Limits_make_room_for_the_hypervisor()
    {
        JsonNode resources = Rewritten(DockerConfig.Usual())["linux"]!["resources"]!;
        DockerConfig.AssertJson("""{"limit":536871912,"reservation":268436456,"swap":1073742824,"disableOOMKiller":false}""", resources["memory"]);
        Assert.Equal(230, (long?)resources["pids"]!["limit"]);
        DockerConfig.AssertJson("""{"shares":0,"quota":150000,"period":100000}""", resources["cpu"]);
    }

    [Fact]
    public void Open_files_are_limited()
        => DockerConfig.AssertJson(
            """[{"type":"RLIMIT_NOFILE","soft":4096,"hard":4096}]""",
            Rewritten(DockerConfig.Usual())["process"]!["rlimits"]);

    [Fact]
    public void What_the_engine_needs_stays_as_it_wrote_it()
    {
        JsonObject before = DockerConfig.Usual();
        JsonObject spec = Rewritten(DockerConfig.Usual());
        Assert.True(JsonNode.DeepEquals(before["hooks"], spec["hooks"]));
        Assert.Equal((string?)before["linux"]!["cgroupsPath"], (string?)spec["linux"]!["cgroupsPath"]);
        Assert.Equal((string?)before["hostname"], (string?)spec["hostname"]);
    }

    [Fact]
    public void Devices_are_the_tap_and_the_harmless_ones()
    {
        JsonNode linux = Rewritten(DockerConfig.Usual())["linux"]!;
        DockerConfig.AssertJson($"[{Devices}]", linux["devices"]);
        DockerConfig.AssertJson($"[{Rules}]", linux["resources"]!["devices"]);
    }

    [Fact]
    public void With_kvm_its_device_is_there_too()
    {
        if (!File.Exists("/dev/kvm")) Assert.Skip("this host has no /dev/kvm");
        JsonNode linux = Rewritten(DockerConfig.Usual(), useKvm: true)["linux"]!;
        Assert.Equal(["/dev/net/tun", "/vmm/dev/null", "/vmm/dev/urandom", "/vmm/dev/kvm"], linux["devices"]!.AsArray().Select(static device => (string?)device!["path"]));
        DockerConfig.AssertJson($$"""[{{Rules}},{"allow":true,"type":"c","major":10,"access":"rwm","minor":232}]""", linux["resources"]!["devices"]);
    }

    [Fact]
    public void Privileges_of_the_workload_add_nothing_to_the_sandbox()
    {
        JsonObject spec = Rewritten(DockerConfig.Privileged());
        JsonNode linux = spec["linux"]!;
        DockerConfig.AssertJson(OnlySetUp, spec["process"]!["capabilities"]);
        Assert.True((bool?)spec["process"]!["noNewPrivileges"]);
        DockerConfig.AssertJson($"[{Devices}]", linux["devices"]);
        DockerConfig.AssertJson($"[{Rules}]", linux["resources"]!["devices"]);
        Assert.Contains("/proc/kcore", linux["maskedPaths"]!.AsArray().Select(static path => (string?)path));
        Assert.Contains("/proc/sys", linux["readonlyPaths"]!.AsArray().Select(static path => (string?)path));
        Assert.Null(linux["rootfsPropagation"]);
        Assert.True(JsonNode.DeepEquals(Rewritten(DockerConfig.Usual())["linux"]!["seccomp"], linux["seccomp"]));
    }

    [Fact]
    public void Privileged_and_usual_sandboxes_differ_in_nothing_that_matters()
    {
        JsonObject usual = Rewritten(DockerConfig.Usual());
        JsonObject privileged = Rewritten(DockerConfig.Privileged());
        foreach (string name in (string[])["root", "mounts"]) Assert.True(JsonNode.DeepEquals(usual[name], privileged[name]), name);
        foreach (string name in (string[])["devices", "maskedPaths", "readonlyPaths", "sysctl"])
            Assert.True(JsonNode.DeepEquals(usual["linux"]![name], privileged["linux"]![name]), name);
    }

    [Fact]
    public void Namespaces_shared_with_the_host_are_the_sandboxs_own_but_for_the_network()
    {
        DockerConfig.AssertJson(
            """[{"type":"network"},{"type":"cgroup"},{"type":"pid"},{"type":"mount"},{"type":"ipc"},{"type":"uts"}]""",
            Rewritten(DockerConfig.Usual())["linux"]!["namespaces"]);
        DockerConfig.AssertJson(
            """[{"type":"network","path":"/proc/77/ns/net"},{"type":"pid"},{"type":"mount"},{"type":"ipc"},{"type":"uts"}]""",
            Rewritten(DockerConfig.Privileged())["linux"]!["namespaces"]);
    }

    [Fact]
    public void A_pid_namespace_of_another_container_is_not_joined()
    {
        JsonObject spec = DockerConfig.Usual();
        spec["linux"]!["namespaces"] = JsonNode.Parse("""[{"type":"pid","path":"/proc/1/ns/pid"},{"type":"mount","path":"/proc/1/ns/mnt"}]""");
        DockerConfig.AssertJson("""[{"type":"pid"},{"type":"mount"},{"type":"ipc"},{"type":"uts"}]""", Rewritten(spec)["linux"]!["namespaces"]);
    }

    [Fact]
    public void A_hook_is_run_by_this_program_which_tells_it_the_containers_bundle()
    {
        JsonObject spec = DockerConfig.Privileged();
        spec["hooks"]!["poststop"] = JsonNode.Parse("""[{"path":"/usr/bin/after"}]""");
        DockerConfig.AssertJson(
            """[{"path":"/usr/bin/runcvm","args":["runcvm","hook","/b","/usr/bin/after","/usr/bin/after"]}]""",
            Rewritten(spec)["hooks"]!["poststop"]);
    }

    [Fact]
    public void Sysctls_of_the_workload_do_not_reach_the_sandbox()
    {
        DockerConfig.AssertJson("""{"net.ipv4.ip_local_port_range":"61440 65535","net.ipv4.ip_unprivileged_port_start":"0"}""", Rewritten(DockerConfig.Usual())["linux"]!["sysctl"]);
    }

    [Fact]
    public void A_bare_spec_gets_all_that_protects()
    {
        JsonNode linux = Rewritten([])["linux"]!;
        DockerConfig.AssertJson("""[{"type":"pid"},{"type":"mount"},{"type":"ipc"},{"type":"uts"}]""", linux["namespaces"]);
        Assert.Equal("SCMP_ACT_ERRNO", (string?)linux["seccomp"]!["defaultAction"]);
        Assert.False((bool?)linux["resources"]!["devices"]![0]!["allow"]);
    }

    [Fact]
    public void Shares_bring_their_mounts_and_what_it_takes_to_serve_them()
    {
        JsonObject without = Rewritten(DockerConfig.Usual());
        JsonObject spec = Rewritten(DockerConfig.Usual(), shares: [new Share("/srv/a", false, false, "rbind"), new Share("/etc/b", true, true, "bind")]);
        DockerConfig.AssertJson("""
            [{"destination":"/run/runcvm-mounts","type":"tmpfs","source":"tmpfs","options":["ro","nosuid","nodev","noexec","mode=755","size=256k"]},
             {"destination":"/run/runcvm-mounts/proc","type":"proc","source":"proc","options":["ro","nosuid","nodev","noexec","hidepid=ptraceable","subset=pid"]},
             {"destination":"/run/runcvm-mounts/0","type":"bind","source":"/srv/a","options":["rbind","rprivate","rw","nosuid","nodev","noexec"]},
             {"destination":"/run/runcvm-mounts/1","type":"bind","source":"/etc/b","options":["bind","rprivate","ro","nosuid","nodev","noexec"]}]
            """, new JsonArray([.. spec["mounts"]!.AsArray().Skip(without["mounts"]!.AsArray().Count).Select(static mount => mount!.DeepClone())]));
        Assert.Equal(
            ["CAP_NET_ADMIN", .. SandboxSpec.SetUpCapabilities, .. SandboxSpec.FileServerCapabilities, "CAP_LEASE"],
            spec["process"]!["capabilities"]!["permitted"]!.AsArray().Select(static name => (string)name!));
        Assert.DoesNotContain("CAP_DAC_READ_SEARCH", SandboxSpec.FileServerCapabilities);
        DockerConfig.AssertJson(
            $$"""[{{Rules}},{"allow":true,"type":"c","access":"m"},{"allow":true,"type":"b","access":"m"}]""", spec["linux"]!["resources"]!["devices"]);
    }

    [Fact]
    public void Forwarded_sockets_bring_their_mounts_and_what_it_takes_to_connect()
    {
        JsonObject spec = Rewritten(DockerConfig.Usual(), sockets: [new ForwardedSocket("/run/docker.sock", default)]);
        DockerConfig.AssertJson("""
            [{"destination":"/run/runcvm-broker","type":"tmpfs","source":"tmpfs",
              "options":["ro","nosuid","nodev","noexec","mode=700","size=64k"]},
             {"destination":"/run/runcvm-broker/runcvm","type":"bind","source":"/usr/bin/runcvm",
              "options":["bind","ro","nosuid","nodev"]},
             {"destination":"/run/runcvm-broker/sockets/0","type":"bind","source":"/run/docker.sock",
              "options":["bind","ro","nosuid","nodev","noexec"]}]
            """, new JsonArray([.. spec["mounts"]!.AsArray().Where(static mount
                => ((string)mount!["destination"]!).StartsWith(BrokerTree.Root, StringComparison.Ordinal))
                .Select(static mount => mount!.DeepClone())]));
        DockerConfig.AssertJson(OfSetUp.Replace("]", ",\"CAP_DAC_OVERRIDE\"]", StringComparison.Ordinal), spec["process"]!["capabilities"]!["permitted"]);
    }

    private static IEnumerable<string> Targets(JsonObject spec) => spec["mounts"]!.AsArray().Select(static mount => (string)mount!["destination"]!);

    private static JsonObject Rewritten(
        JsonObject spec, bool useKvm = false, IReadOnlyList<Share>? shares = null, IReadOnlyList<ForwardedSocket>? sockets = null,
        string? firecracker = null)
    {
        if (!File.Exists("/dev/net/tun")) Assert.Skip("this host has no /dev/net/tun");
        SandboxSpec.Rewrite(spec, new SandboxParts
        {
            Skeleton = "/lib/skeleton",
            Program = "/usr/bin/runcvm",
            Bundle = "/b",
            Folder = "/run/runcvm/id",
            HypervisorFiles = ["/usr/bin/qemu", "/usr/lib"],
            Vmlinux = "/k/vmlinux",
            Initramfs = "/k/initramfs",
            Disks = [("/i/root.erofs", new MachineDisk("root", "/disks/root", true)), ("/i/scratch", new MachineDisk("scratch", "/disks/scratch", false))],
            Shares = shares ?? [],
            Sockets = sockets ?? [],
            Hardware = new Hardware { UseKvm = useKvm },
            ByName = firecracker == null ? null : (firecracker, "/boot/firecracker"),
            Limits = new SandboxLimits(256 << 20, 1000, 2),
            Cgroups = new HostCgroups(true, true, true),
            OpenFiles = 4096,
        });
        // As it will be read: from text.
        return JsonNode.Parse(spec.ToJsonString())!.AsObject();
    }
}
