using System.Text.Json.Nodes;
using Runcvm.Linux.Processes;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class FileServerIdentityTests
{
    [Fact]
    public void With_the_capabilities_of_docker_root_acts_for_all()
    {
        FileServerIdentity identity = FileServerIdentity.Of(DockerConfig.Usual()["process"]);
        Assert.Equal(
            CapabilitySet.Of([.. SandboxSpec.FileServerCapabilities, "CAP_LEASE"]), identity.Capabilities);
        Assert.Equal(identity.Capabilities, FileServerIdentity.OfPod.Capabilities);
        Assert.Equal(identity.Capabilities, identity.ToBegin);
        Assert.False(identity.IsCallers);
    }

    [Fact]
    public void Capabilities_that_have_nothing_to_do_with_files_are_left_out()
        => Assert.Equal(
            CapabilitySet.Of(["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_LEASE"]),
            Of("""["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FOWNER","CAP_SYS_ADMIN","CAP_DAC_READ_SEARCH","CAP_SETUID","CAP_NET_ADMIN"]""").Capabilities);

    [Theory]
    [InlineData("""[]""", "")]
    [InlineData("""["CAP_CHOWN","CAP_DAC_OVERRIDE"]""", "CAP_CHOWN CAP_DAC_OVERRIDE")]
    [InlineData("""["CAP_SETUID","CAP_SETGID","CAP_SYS_ADMIN","CAP_LEASE"]""", "CAP_SETUID CAP_SETGID")]
    public void Without_one_of_the_three_each_request_is_its_callers(string bounding, string left)
    {
        FileServerIdentity identity = Of(bounding);
        Assert.True(identity.IsCallers);
        Assert.Equal(CapabilitySet.Of(left.Split(' ')), identity.Capabilities);
        Assert.Equal(CapabilitySet.Of([.. left.Split(' '), "CAP_SETUID", "CAP_SETGID"]), identity.ToBegin);
        Assert.Equal((1000u, 100u), (identity.User, identity.Group));
        Assert.Equal([7u, 8u], identity.Groups);
    }

    [Fact]
    public void Who_writes_a_file_does_not_matter_to_one_that_only_reads()
        => Assert.Equal(CapabilitySet.Of(SandboxSpec.FileServerCapabilities),
            FileServerIdentity.Of(DockerConfig.Usual()["process"]).ForReading().Capabilities);

    [Fact]
    public void A_container_without_sets_has_no_capability() => Assert.Equal(CapabilitySet.Empty, FileServerIdentity.Of(new JsonObject()).Capabilities);

    private static FileServerIdentity Of(string bounding)
        => FileServerIdentity.Of(JsonNode.Parse($$"""{"user":{"uid":1000,"gid":100,"additionalGids":[7,8]},"capabilities":{"bounding":{{bounding}} } }"""));
}
