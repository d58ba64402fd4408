using System.Text.Json.Nodes;
using Runcvm.Oci;

namespace Runcvm.Tests.Oci;

public class PodRoleTests
{
    private const string TypeName = "io.kubernetes.cri.container-type";
    private const string SandboxName = "io.kubernetes.cri.sandbox-id";

    [Fact]
    public void Containerd_says_what_a_container_is()
    {
        Assert.Equal(new PodRole(PodPart.Sandbox, "s1"), Of((TypeName, "sandbox"), (SandboxName, "s1")));
        Assert.Equal(new PodRole(PodPart.Container, "s1"), Of((TypeName, "container"), (SandboxName, "s1")));
    }

    [Theory]
    [InlineData("io.kubernetes.cri-o.ContainerType")]
    [InlineData("io.kubernetes.cri-o.Created")]
    public void Where_CRIO_is_the_engine_nobody_is_of_a_pod_by_containerds_names(string name)
    {
        (string, string)[] annotations = [(TypeName, "container"), (SandboxName, "s1"), (name, "container")];
        Assert.Contains(
            "use containerd's CRI plugin", Assert.Throws<UsageException>(() => Of(annotations)).Message,
            StringComparison.Ordinal);
        Assert.Equal(new PodRole(PodPart.None, ""), PodRole.Of(Spec(annotations), isPodmans: true));
    }

    [Fact]
    public void What_says_nothing_is_of_no_pod()
    {
        Assert.Equal(PodPart.None, PodRole.Of(new JsonObject(), isPodmans: false).Part);
        Assert.Equal(PodPart.None, Of(("another", "sandbox")).Part);
    }

    [Fact]
    public void A_part_that_is_not_known_is_refused()
    {
        Assert.Contains(
            "else", Assert.Throws<UsageException>(() => Of((TypeName, "else"))).Message, StringComparison.Ordinal);
        var number = new JsonObject { ["annotations"] = new JsonObject { [TypeName] = 1 } };
        Assert.Throws<UsageException>(() => PodRole.Of(number, isPodmans: false));
    }

    [Fact]
    public void A_container_of_no_sandbox_is_refused()
        => Assert.Contains("names no sandbox", Assert.Throws<UsageException>(
            () => Of((TypeName, "container"))).Message, StringComparison.Ordinal);

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

    private static PodRole Of(params (string, string)[] annotations) => PodRole.Of(Spec(annotations), isPodmans: false);

    private static JsonObject Spec(params (string Name, string Value)[] annotations) => new()
    {
        ["annotations"] = new JsonObject(
            annotations.Select(static item => KeyValuePair.Create(item.Name, (JsonNode?)item.Value))),
    };
}
