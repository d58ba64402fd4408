using System.Text.Json.Nodes;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class UserNamespaceTests
{
    private const string Own = "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"user\"}]";

    [Theory]
    [InlineData("""{NS,"uidMappings":[{"containerID":1,"hostID":9},{"containerID":0,"hostID":231072}]}""", "231072")]
    [InlineData("""{NS,"uidMappings":[{"containerID":0,"hostID":0,"size":1000}]}""", "a user namespace of its own")]
    [InlineData("{NS}", "a user namespace of its own")]
    [InlineData("""{"namespaces":[{"type":"user","path":"/proc/7/ns/user"}]}""", "a user namespace of its own")]
    public void One_of_the_containers_own_is_refused_with_the_way_out(string linux, string reason)
    {
        JsonNode spec = JsonNode.Parse(linux.Replace("NS", Own, StringComparison.Ordinal))!;
        string message = Assert.Throws<UsageException>(() => UserNamespace.Check(spec)).Message;
        Assert.Contains(reason, message, StringComparison.Ordinal);
        Assert.EndsWith("--userns=host", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"namespaces":[{"type":"pid"},{"type":"mount"}]}""")]
    [InlineData("""{"uidMappings":[]}""")]
    [InlineData("{}")]
    public void That_of_the_host_is_accepted(string linux) => UserNamespace.Check(JsonNode.Parse(linux));
}
