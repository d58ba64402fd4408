using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Runcvm.Linux.Mounts;
using Runcvm.Oci;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

/// <summary>What of a spec, as containerd writes it for a pod's container, becomes of it.</summary>
public sealed class ContainerPlanTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("runcvm-plan-").FullName;

    public ContainerPlanTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "rootfs"));
        Directory.CreateDirectory(Path.Combine(_folder, "volume"));
        File.WriteAllText(Path.Combine(_folder, "hosts"), "");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Volumes_and_files_are_shares_in_order_and_the_rest_is_the_guests()
    {
        ContainerPlan plan = Plan();
        string[] sources = [.. plan.Sources.Select(static source => Path.GetFileName(source.Path))];
        Assert.Equal(["rootfs", "volume", "hosts"], sources);
        Assert.Equal([false, true, false], plan.Sources.Select(static source => source.ReadOnly));
        string[] types = [.. plan.Setup.Mounts.Select(static mount => mount.Type)];
        Assert.Equal(["mqueue", "sysfs", "cgroup2", "pod", "fuse", "fuse"], types);
        GuestMount volume = plan.Setup.Mounts[4];
        Assert.Equal((2u, "/data", false), (volume.Share, volume.Target, volume.IsFile));
        Assert.True(((MountFlags)volume.Flags).HasFlag(MountFlags.ReadOnly));
        Assert.Equal((3u, true), (plan.Setup.Mounts[5].Share, plan.Setup.Mounts[5].IsFile));
        Assert.True(((MountFlags)plan.Setup.Mounts[1].Flags).HasFlag(MountFlags.ReadOnly));
    }

    [Fact]
    public void A_container_has_the_limits_and_rights_of_its_spec_and_no_more()
    {
        ContainerSetup setup = Plan().Setup;
        var limits = new ContainerLimits
        {
            Memory = 1 << 26,
            CpuQuota = 50_000,
            CpuPeriod = 100_000,
            CpuWeight = 39,
            Processes = 7,
        };
        Assert.Equal(limits, setup.Limits);
        // CAP_CHOWN alone: not all of a machine's, though engines give these by default.
        Assert.Equal(new CapabilityBits(1, 1, 1, 0, 0), setup.Process.Capabilities);
        Assert.Equal(["/proc/kcore"], setup.MaskedPaths);
        Assert.Equal(["/proc/sys"], setup.ReadOnlyPaths);
        Assert.False(setup.HasDevices);
        Assert.False(setup.SharesProcesses);
        Assert.False(setup.Process.HasInput);
    }

    [Fact]
    public void Memory_of_the_pod_is_the_engines_and_no_volume_of_its_author()
    {
        ContainerPlan plan = Plan(spec => Mount(spec, "/dev/shm")["source"] = Path.Combine(_folder, "volume"));
        GuestMount memory = Assert.Single(plan.Setup.Mounts, static mount => mount.Target == "/dev/shm");
        Assert.Equal(("fuse", 2u), (memory.Type, memory.Share));
        Assert.Equal(Path.Combine(_folder, "volume"), plan.Sources[1].Path);
    }

    [Fact]
    public void A_PID_namespace_with_a_path_is_the_pods()
        => Assert.True(Plan(static spec => Namespace(spec, "pid")["path"] = "/proc/7/ns/pid").Setup.SharesProcesses);

    [Fact]
    public void One_with_the_path_of_another_process_is_that_containers()
    {
        ContainerPlan plan = Plan(static spec => Namespace(spec, "pid")["path"] = "/proc/8/ns/pid");
        Assert.Equal("8", plan.Target);
        Assert.False(plan.Setup.SharesProcesses);
        Assert.Null(Plan().Target);
    }

    [Fact]
    public void A_profile_of_system_calls_is_the_guests()
    {
        Assert.Empty(Plan().Setup.Filter);
        byte[] filter = Plan(static spec => spec["linux"]!["seccomp"] =
            new JsonObject { ["defaultAction"] = "SCMP_ACT_ERRNO" }).Setup.Filter;
        Assert.NotEmpty(filter);
        // struct sock_filter
        Assert.Equal(0, filter.Length % 8);
    }

    [Fact]
    public void A_change_of_limits_leaves_what_it_does_not_name()
    {
        JsonNode named = JsonNode.Parse("""
            {"memory": {"limit": 1048576}, "cpu": {"quota": -1, "period": 100000, "shares": 2}, "pids": {"limit": -1}}
            """)!;
        Assert.Equal(
            new ContainerLimits
            {
                Memory = 1 << 20,
                CpuQuota = -1,
                CpuPeriod = 100_000,
                CpuWeight = 1,
                Processes = -1,
            },
            ContainerPlan.Changed(named));
        Assert.Equal(new ContainerLimits(), ContainerPlan.Changed(new JsonObject()));
    }

    [Theory]
    [InlineData("pid", "hostPID")]
    [InlineData("network", "hostNetwork")]
    [InlineData("ipc", "hostIPC")]
    public void A_namespace_of_the_host_is_refused(string type, string name)
        => Refused(name, spec => spec["linux"]!["namespaces"]!.AsArray().Remove(Namespace(spec, type)));

    [Theory]
    [InlineData("rshared")]
    [InlineData("rslave")]
    public void Mounts_that_spread_are_refused(string option)
        => Refused("mountPropagation", spec => Mount(spec, "/data")["options"]!.AsArray().Add((JsonNode)option));

    [Fact]
    public void Options_of_the_machine_are_no_containers()
        => Refused("RUNCVM_CPUS", static spec => spec["process"]!["env"]!.AsArray().Add((JsonNode)"RUNCVM_CPUS=8"));

    [Fact]
    public void Devices_and_user_namespaces_are_refused()
    {
        Refused("/dev/sda", static spec
            => spec["linux"]!["devices"] = new JsonArray(new JsonObject { ["path"] = "/dev/sda" }));
        Refused("user namespace", static spec
            => spec["linux"]!["namespaces"]!.AsArray().Add((JsonNode)new JsonObject { ["type"] = "user" }));
    }

    [Fact]
    public void The_stand_in_has_nothing_of_the_container()
    {
        JsonObject spec = Bundle(null).Spec;
        StandInSpec.Rewrite(
            spec, "k1", "/skeleton", "/usr/bin/runcvm", new HostCgroups(true, true, true), oomScore: -998);
        Assert.Equal(["/runcvm", "stand-in"], ProcessReader.Texts(spec["process"]!["args"]));
        Assert.Empty(ProcessReader.Texts(spec["process"]!["capabilities"]!["bounding"]));
        Assert.DoesNotContain("SECRET=1", ProcessReader.Texts(spec["process"]!["env"]));
        Assert.Contains(StandInSpec.KeyVariable + "k1", ProcessReader.Texts(spec["process"]!["env"]));
        string[] sources = [.. spec["mounts"]!.AsArray().Select(static mount => mount!["source"]!.GetValue<string>())];
        Assert.Equal(["proc", "tmpfs", "devpts", "/usr/bin/runcvm"], sources);
        Assert.All(spec["linux"]!["namespaces"]!.AsArray(), static item => Assert.Null(item!["path"]));
        Assert.Equal("/skeleton", spec["root"]!["path"]!.GetValue<string>());
        // The engine's: it accounts and ends by these.
        Assert.Equal("/kubepods/c", spec["linux"]!["cgroupsPath"]!.GetValue<string>());
        Assert.True(spec["linux"]!["resources"]!["memory"]!["limit"]!.GetValue<long>() <= 64 << 20);
        Assert.Equal(-998, spec["process"]!["oomScoreAdj"]!.GetValue<int>());
        Assert.Null(spec["hooks"]);
    }

    private void Refused(string word, Action<JsonObject> change)
        => Assert.Contains(word, Assert.Throws<UsageException>(() => Plan(change)).Message, StringComparison.Ordinal);

    private ContainerPlan Plan(Action<JsonObject>? change = null)
        => ContainerPlan.Of(Bundle(change), "s1", hasInput: false, Architecture.X64);

    private Bundle Bundle(Action<JsonObject>? change)
    {
        var spec = (JsonObject)JsonNode.Parse(Text())!;
        change?.Invoke(spec);
        File.WriteAllText(Path.Combine(_folder, "config.json"), spec.ToJsonString());
        return new Bundle(_folder);
    }

    private static JsonNode Namespace(JsonObject spec, string type)
        => spec["linux"]!["namespaces"]!.AsArray().First(item => item!["type"]!.GetValue<string>() == type)!;

    private static JsonNode Mount(JsonObject spec, string target)
        => spec["mounts"]!.AsArray().First(item => item!["destination"]!.GetValue<string>() == target)!;

    private string Text() => $$"""
        {
          "process": {
            "args": ["true"], "cwd": "/", "env": ["SECRET=1"], "oomScoreAdj": 1000,
            "capabilities": {"bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"]}
          },
          "root": {"path": "rootfs"},
          "hooks": {"prestart": [{"path": "/bin/true"}]},
          "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance"]},
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "ro"]},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]},
            {"destination": "/dev/shm", "type": "bind", "source": "/run/sandboxes/s1/shm", "options": ["rbind"]},
            {"destination": "/data", "type": "bind", "source": "{{_folder}}/volume",
             "options": ["rbind", "rprivate", "ro"]},
            {"destination": "/etc/hosts", "type": "bind", "source": "{{_folder}}/hosts", "options": ["rbind", "rw"]}
          ],
          "linux": {
            "cgroupsPath": "/kubepods/c",
            "namespaces": [
              {"type": "pid"}, {"type": "mount"}, {"type": "ipc", "path": "/proc/7/ns/ipc"},
              {"type": "uts", "path": "/proc/7/ns/uts"}, {"type": "network", "path": "/proc/7/ns/net"}
            ],
            "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
            "resources": {
              "devices": [{"allow": false, "access": "rwm"}], "memory": {"limit": 67108864}, "pids": {"limit": 7},
              "cpu": {"shares": 1024, "quota": 50000, "period": 100000}
            }
          }
        }
        """;
}
