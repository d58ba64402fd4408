using System.Text.Json.Nodes;
using Runcvm.Options;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class PodRulesTests
{
    private const long Usual = 2L << 30;

    [Fact]
    public void A_machine_has_what_its_pod_may_use_and_what_its_kernel_needs()
    {
        SpecResources resources = PodRules.Resources(Spec(
            ("io.kubernetes.cri.sandbox-memory", "268435456"), ("io.kubernetes.cri.sandbox-cpu-quota", "150000"),
            ("io.kubernetes.cri.sandbox-cpu-period", "100000")), [], Usual);
        Assert.Equal((256 + 96) << 20, resources.MemoryLimitBytes);
        Assert.Equal((150_000, 100_000), (resources.CpuQuota, resources.CpuPeriod));
    }

    [Fact]
    public void A_pod_without_a_limit_has_the_usual_memory_or_what_was_asked_for()
    {
        JsonObject unlimited = Spec(("io.kubernetes.cri.sandbox-memory", "0"));
        Assert.Equal(Usual, PodRules.Resources(unlimited, [], Usual).MemoryLimitBytes);
        Assert.Null(PodRules.Resources(Spec(), ["RUNCVM_MEM_SIZE=4G"], Usual).MemoryLimitBytes);
    }

    [Fact]
    public void A_pod_without_a_limit_is_the_first_to_go_where_the_host_has_no_memory()
    {
        Assert.Equal(0, PodRules.OomScore(Spec(("io.kubernetes.cri.sandbox-memory", "268435456"))));
        Assert.Equal(1000, PodRules.OomScore(Spec(("io.kubernetes.cri.sandbox-memory", "0"))));
        Assert.Equal(1000, PodRules.OomScore(Spec()));
    }

    [Theory]
    [InlineData("io.runcvm/hypervisor", "firecracker")]
    [InlineData("io.runcvm/rootfs", "block")]
    public void What_a_pod_cannot_run_on_is_refused(string name, string value)
        => Assert.Contains("is not for pods", Assert.Throws<UsageException>(
            () => PodRules.Options(Spec((name, value)))).Message, StringComparison.Ordinal);

    [Fact]
    public void Whatever_the_host_prefers_a_pod_runs_under_QEMU()
        => Assert.Equal(["RUNCVM_HYPERVISOR=qemu", "RUNCVM_ROOTFS=share", "RUNCVM_CPUS=3"],
            PodRules.Options(Spec(("io.runcvm/cpus", "3"))));

    [Theory]
    [InlineData("pid", "hostPID")]
    [InlineData("ipc", "hostIPC")]
    public void A_sandbox_in_namespaces_of_the_host_is_refused(string missing, string word)
    {
        JsonObject spec = Spec();
        JsonArray namespaces = spec["linux"]!["namespaces"]!.AsArray();
        namespaces.Remove(namespaces.First(item => item!["type"]!.GetValue<string>() == missing));
        UsageException e = Assert.Throws<UsageException>(
            () => PodRules.CheckSandbox(spec, new NetworkChoice(false, "/run/netns/x")));
        Assert.StartsWith(word, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_hosts_network_is_refused()
        => Assert.StartsWith("hostNetwork", Assert.Throws<UsageException>(
            () => PodRules.CheckSandbox(Spec(), new NetworkChoice(true, null))).Message, StringComparison.Ordinal);

    private static JsonObject Spec(params (string Name, string Value)[] annotations) => new()
    {
        ["annotations"] = new JsonObject(
            annotations.Select(static item => KeyValuePair.Create(item.Name, (JsonNode?)item.Value))),
        ["linux"] = new JsonObject
        {
            ["namespaces"] = new JsonArray(new JsonObject { ["type"] = "pid" }, new JsonObject { ["type"] = "ipc" }),
        },
    };
}
