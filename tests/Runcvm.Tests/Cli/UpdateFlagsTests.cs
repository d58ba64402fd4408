using System.Text.Json.Nodes;
using Runcvm.Cli;
using Runcvm.Oci;
using Runcvm.Tests.Sandbox;

namespace Runcvm.Tests.Cli;

public class UpdateFlagsTests
{
    [Fact]
    public void Flags_are_what_a_file_of_resources_would_say()
    {
        const string Line = "--memory 256m --memory-swap=-1 --memory-reservation 1024 --cpu-quota 50000 --cpu-period "
            + "100000 --cpu-share 512 --cpuset-cpus 0-1 --cpuset-mems 0 --pids-limit=-1 --blkio-weight 100";
        DockerConfig.AssertJson(
            """
            {"memory":{"limit":268435456,"reservation":1024,"swap":-1},
             "cpu":{"period":100000,"quota":50000,"shares":512,"cpus":"0-1","mems":"0"},
             "blockIO":{"weight":100},"pids":{"limit":-1}}
            """, JsonNode.Parse(Read(Line)));
    }

    [Theory]
    [InlineData("1k", 1024)]
    [InlineData("1MB", 1048576)]
    [InlineData("1GiB", 1073741824)]
    [InlineData("7b", 7)]
    public void Sizes_have_the_units_of_runc(string text, long bytes)
        => Assert.Equal(bytes, (long?)JsonNode.Parse(Read($"--memory {text}"))!["memory"]!["limit"]);

    [Theory]
    [InlineData("--memory lots", "invalid value for memory: 'lots'")]
    [InlineData("--cpu-quota 1.5", "invalid value for cpu-quota: '1.5'")]
    [InlineData("--cpu-period -1", "invalid value for cpu-period: '-1'")]
    [InlineData("--kernel-memory 1", "update --kernel-memory: ")]
    [InlineData("--l3-cache-schema x", "update --l3-cache-schema: a machine takes no part in Intel RDT")]
    [InlineData("--pids-limit 0", "update needs a limit")]
    public void What_cannot_be_had_is_said(string flags, string words)
        => Assert.StartsWith(words, Assert.Throws<UsageException>(() => Read(flags)).Message);

    private static string Read(string flags)
        => UpdateFlags.Read(CommandLine.Parse(["update", .. flags.Split(' '), "id"])).ToJsonString();
}
