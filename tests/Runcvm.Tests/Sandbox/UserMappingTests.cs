using System.Text.Json.Nodes;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class UserMappingTests
{
    [Fact]
    public void A_root_that_is_another_user_of_the_host_is_refused_with_the_way_out()
    {
        JsonNode mapped = JsonNode.Parse("""{"uidMappings":[{"containerID":0,"hostID":231072,"size":65536}]}""")!;
        string message = Assert.Throws<UsageException>(() => UserMapping.Check(mapped)).Message;
        Assert.Contains("231072", message, StringComparison.Ordinal);
        Assert.Contains("--userns=host", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"uidMappings":[{"containerID":0,"hostID":0,"size":1},{"containerID":1,"hostID":5,"size":1}]}""")]
    [InlineData("""{"uidMappings":[]}""")]
    [InlineData("{}")]
    public void The_hosts_root_is_accepted(string linux) => UserMapping.Check(JsonNode.Parse(linux));
}
