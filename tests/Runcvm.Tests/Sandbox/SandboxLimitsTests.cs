using System.Text.Json.Nodes;
using Runcvm.Planning;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class SandboxLimitsTests
{
    private static readonly SandboxLimits Limits = new(UsualMemory: 5000, Overhead: 100, Cpus: 2);
    private static readonly HostCgroups All = new(true, true, true);

    [Theory]
    [InlineData("{}", """{"limit":5000,"swap":10000}""")]
    [InlineData("""{"limit":-1,"swap":-1}""", """{"limit":5000,"swap":10000}""")]
    [InlineData("""{"limit":0,"swap":null,"disableOOMKiller":true}""", """{"limit":5000,"swap":10000}""")]
    [InlineData("""{"swap":1000,"reservation":2000}""", """{"swap":10000,"reservation":2100,"limit":5000}""")]
    [InlineData("""{"limit":50,"swap":-1,"disableOOMKiller":true}""",
        """{"limit":150,"swap":-1,"disableOOMKiller":true}""")]
    public void Memory_has_a_limit_whether_or_not_the_user_set_one(string memory, string expected)
        => DockerConfig.AssertJson(expected, Set($"{{\"memory\":{memory}}}", All)["memory"]);

    [Theory]
    [InlineData("{}", """{"pids":{"limit":4096}}""")]
    [InlineData("""{"pids":{"limit":0}}""", """{"pids":{"limit":4096}}""")]
    [InlineData("""{"pids":{"limit":-1}}""", """{"pids":{"limit":4096}}""")]
    [InlineData("""{"pids":{"limit":20}}""", """{"pids":{"limit":150}}""")]
    [InlineData("""{"unified":{"pids.max":"max"}}""", """{"unified":{},"pids":{"limit":4096}}""")]
    [InlineData("""{"unified":{"pids.max":"20"}}""", """{"unified":{"pids.max":"150"}}""")]
    public void Processes_have_a_limit_whether_or_not_the_user_set_one(string resources, string expected)
        => DockerConfig.AssertJson(
            expected, Without(Set(resources, All), "memory"));

    [Theory]
    [InlineData("""{"unified":{"memory.max":"max","memory.high":"max"}}""",
        """{"unified":{"memory.high":"max"},"memory":{"limit":5000,"swap":10000},"pids":{"limit":4096}}""")]
    [InlineData("""{"unified":{"memory.max":"50","memory.high":"40"}}""",
        """{"unified":{"memory.max":"150","memory.high":"140"},"pids":{"limit":4096}}""")]
    public void Limits_of_cgroup_v2_by_their_own_names_count(string resources, string expected)
        => DockerConfig.AssertJson(expected, Set(resources, All));

    [Theory]
    [InlineData("{}", false, false, "{}")]
    [InlineData("{}", true, false, """{"memory":{"limit":5000}}""")]
    [InlineData("""{"memory":{"swap":-1}}""", true, false, """{"memory":{"limit":5000}}""")]
    [InlineData("{}", false, true, """{"pids":{"limit":4096}}""")]
    public void What_the_host_cannot_limit_is_not_asked_for(
        string resources, bool memory, bool processes, string expected)
    {
        var limits = Limits with { UsualMemory = memory ? Limits.UsualMemory : 0 };
        JsonObject set = JsonNode.Parse(resources)!.AsObject();
        limits.Set(set, new HostCgroups(memory, Swap: false, processes));
        DockerConfig.AssertJson(expected, JsonNode.Parse(set.ToJsonString()));
    }

    [Theory]
    [InlineData("""{"memory":{"limit":-1,"swap":-1},"pids":{"limit":-1}}""",
        """{"memory":{"limit":5000,"swap":10000},"pids":{"limit":4096}}""")]
    [InlineData("""{"unified":{"memory.max":"max","pids.max":"max"}}""",
        """{"unified":{"memory.max":"5000","pids.max":"4096"}}""")]
    [InlineData("""{"memory":{"limit":50}}""", """{"memory":{"limit":150}}""")]
    [InlineData("""{"cpu":{"shares":2},"memory":{"limit":0},"pids":{"limit":0}}""",
        """{"cpu":{"shares":2},"memory":{"limit":0},"pids":{"limit":0}}""")]
    public void A_limit_that_is_taken_away_later_becomes_the_usual_one(string resources, string expected)
    {
        JsonNode limits = JsonNode.Parse(resources)!;
        Limits.Change(limits);
        DockerConfig.AssertJson(expected, JsonNode.Parse(limits.ToJsonString()));
    }

    [Theory]
    [InlineData(false, false, 64L << 20)]
    [InlineData(true, true, 1L << 40)]
    public void The_usual_limit_leaves_the_guest_all_its_memory_and_room_for_execs(bool kvm, bool shares, long guest)
    {
        long usual = MemoryOverhead.Usual(kvm, shares, guest);
        Assert.True(usual >= guest + MemoryOverhead.Of(kvm, shares, guest) + (1L << 30));
        Assert.True(usual <= (3 * guest) + (2L << 30));
    }

    private static JsonNode Set(string resources, HostCgroups host)
    {
        JsonObject set = JsonNode.Parse(resources)!.AsObject();
        Limits.Set(set, host);
        return JsonNode.Parse(set.ToJsonString())!;
    }

    private static JsonNode Without(JsonNode resources, string name)
    {
        resources.AsObject().Remove(name);
        return resources;
    }
}
