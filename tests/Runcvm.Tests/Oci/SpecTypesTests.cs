using System.Text.Json.Nodes;
using Runcvm.Oci;
using Runcvm.Tests.Kernels;
using Runcvm.Tests.Sandbox;

namespace Runcvm.Tests.Oci;

public class SpecTypesTests
{
    [Fact]
    public void What_docker_writes_is_accepted()
    {
        SpecTypes.CheckSpec(DockerConfig.Usual(), "config.json");
        SpecTypes.CheckSpec(DockerConfig.Privileged(), "config.json");
        SpecTypes.CheckSpec([], "config.json");
    }

    [Theory]
    [InlineData("""{"root":"/x"}""", "root must be an object, not \"/x\"")]
    [InlineData("""{"process":{"cwd":5}}""", "process.cwd must be text, not 5")]
    [InlineData("""{"process":{"args":"sh"}}""", "process.args must be a list, not \"sh\"")]
    [InlineData("""{"process":{"env":["A=b",7]}}""", "process.env[1] must be text, not 7")]
    [InlineData("""{"process":{"env":[null]}}""", "process.env must not hold null")]
    [InlineData("""{"process":{"terminal":"yes"}}""", "process.terminal must be true or false, not \"yes\"")]
    [InlineData("""{"process":{"user":{"uid":-1}}}""", "process.user.uid must be a whole number from 0 on, not -1")]
    [InlineData("""{"process":{"user":{"gid":1.5}}}""", "process.user.gid must be a whole number from 0 on, not 1.5")]
    [InlineData("""{"process":{"rlimits":[{"type":"RLIMIT_NOFILE","soft":1}]}}""", "process.rlimits[0] has no hard")]
    [InlineData("""{"mounts":[{"destination":"/a"},{"destination":[]}]}""", "mounts[1].destination must be text, not []")]
    [InlineData("""{"mounts":[[]]}""", "mounts[0] must be an object, not []")]
    [InlineData("""{"linux":{"sysctl":{"kernel.x":1}}}""", "linux.sysctl['kernel.x'] must be text, not 1")]
    [InlineData("""{"linux":{"namespaces":[{"path":"/x"}]}}""", "linux.namespaces[0] has no type")]
    [InlineData("""{"linux":{"resources":{"memory":{"limit":"1G"}}}}""", "linux.resources.memory.limit must be a whole number, not \"1G\"")]
    public void A_wrong_type_is_named_with_its_field_and_its_file(string spec, string expected)
    {
        UsageException refusal = Assert.Throws<UsageException>(() => SpecTypes.CheckSpec(JsonNode.Parse(spec)!.AsObject(), "/b/config.json"));
        Assert.Equal("/b/config.json: " + expected, refusal.Message);
    }

    [Fact]
    public void A_process_and_resources_are_checked_by_themselves()
    {
        Assert.Equal("p: cwd must be text, not 5", Assert.Throws<UsageException>(() => SpecTypes.CheckProcess(new JsonObject { ["cwd"] = 5 }, "p")).Message);
        Assert.Equal(
            "r: pids must be an object, not 5", Assert.Throws<UsageException>(() => SpecTypes.CheckResources(new JsonObject { ["pids"] = 5 }, "r")).Message);
        SpecTypes.CheckResources(JsonNode.Parse("""{"memory":{"limit":-1,"swap":1099511627776}}""")!.AsObject(), "r");
    }

    [Theory]
    [InlineData("{", "is not valid JSON (line 1, byte 2)")]
    [InlineData("[]", "holds no JSON object")]
    [InlineData("""{"root":{},"root":{}}""", "is not valid JSON")]
    public void A_file_that_is_no_object_is_named(string content, string expected)
    {
        using var folder = new TemporaryFolder();
        string file = Path.Combine(folder.Path, "config.json");
        File.WriteAllText(file, content);
        Assert.StartsWith($"{file} {expected}", Assert.Throws<UsageException>(() => new Bundle(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(
            $"cannot read {folder.Path}/config.json: {folder.Path}/config.json: No such file or directory",
            Assert.Throws<UsageException>(() => new Bundle(folder.Path)).Message);
    }
}
