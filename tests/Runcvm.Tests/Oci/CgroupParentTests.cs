using System.Text.Json.Nodes;
using Runcvm.Oci;

namespace Runcvm.Tests.Oci;

public class CgroupParentTests
{
    [Theory]
    [InlineData("/docker/0123", "/docker")]
    [InlineData("/0123", "/")]
    [InlineData("/kubepods/burstable/pod1/0123", "/kubepods/burstable/pod1")]
    [InlineData("system.slice:docker:0123", "/system.slice")]
    [InlineData(":docker:0123", "/system.slice")]
    [InlineData("-.slice:docker:0123", "/")]
    [InlineData("a-b-c.slice:cri:0123", "/a.slice/a-b.slice/a-b-c.slice")]
    [InlineData("a--b.slice:cri:0123", null)]
    [InlineData("../a.slice:cri:0123", null)]
    [InlineData("/docker/../../etc/0123", null)]
    [InlineData("a.scope:cri:0123", null)]
    [InlineData("relative/0123", null)]
    [InlineData(null, null)]
    public void It_is_above_the_containers_own(string? path, string? parent)
        => Assert.Equal(parent, CgroupParent.Of(new JsonObject { ["cgroupsPath"] = path }));
}
