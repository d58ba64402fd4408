using System.Text.Json.Nodes;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class HostNamesTests
{
    [Fact]
    public void A_machine_has_the_hosts_name_only_where_it_shares_the_namespace()
    {
        JsonNode own = JsonNode.Parse("""{"linux":{"namespaces":[{"type":"pid"},{"type":"uts"}]}}""")!;
        JsonNode shared = JsonNode.Parse("""{"linux":{"namespaces":[{"type":"pid"}]}}""")!;
        Assert.Equal("", HostNames.OfHost((JsonObject)own));
        Assert.Equal(File.ReadAllText("/proc/sys/kernel/hostname").Trim(), HostNames.OfHost((JsonObject)shared));
    }
}
