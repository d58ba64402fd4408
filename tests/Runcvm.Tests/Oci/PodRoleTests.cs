using System.Text.Json.Nodes;
using Runcvm.Oci;

namespace Runcvm.Tests.Oci;

public class PodRoleTests
{
    [Theory]
    [InlineData("io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id")]
    [InlineData("io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID")]
    public void Both_engines_of_Kubernetes_say_what_a_container_is(string type, string sandbox)
    {
        Assert.Equal(new PodRole(PodPart.Sandbox, "s1"), Of((type, "sandbox"), (sandbox, "s1")));
        Assert.Equal(new PodRole(PodPart.Container, "s1"), Of((type, "container"), (sandbox, "s1")));
    }

    [Fact]
    public void What_says_nothing_is_of_no_pod()
    {
        Assert.Equal(PodPart.None, PodRole.Of(new JsonObject()).Part);
        Assert.Equal(PodPart.None, Of(("io.kubernetes.cri.container-type", "else")).Part);
        var number = new JsonObject { ["annotations"] = new JsonObject { ["io.kubernetes.cri.container-type"] = 1 } };
        Assert.Equal(PodPart.None, PodRole.Of(number).Part);
    }

    [Fact]
    public void A_container_of_no_sandbox_is_refused()
        => Assert.Contains("names no sandbox", Assert.Throws<UsageException>(
            () => Of(("io.kubernetes.cri.container-type", "container"))).Message, StringComparison.Ordinal);

    [Fact]
    public void Options_are_annotations()
        => Assert.Equal(["RUNCVM_CPUS=3", "RUNCVM_MEM_SIZE=1G"],
            PodRole.Options(Spec(("io.runcvm/cpus", "3"), ("io.other/cpus", "4"), ("io.runcvm/mem-size", "1G"))));

    [Theory]
    [InlineData("1048576", 1048576)]
    [InlineData("0", null)]
    [InlineData("-1", null)]
    [InlineData("much", null)]
    public void A_number_that_is_no_limit_is_none(string text, int? expected)
        => Assert.Equal(expected, PodRole.Number(Spec(("size", text)), "size"));

    private static PodRole Of(params (string, string)[] annotations) => PodRole.Of(Spec(annotations));

    private static JsonObject Spec(params (string Name, string Value)[] annotations) => new()
    {
        ["annotations"] = new JsonObject(
            annotations.Select(static item => KeyValuePair.Create(item.Name, (JsonNode?)item.Value))),
    };
}
