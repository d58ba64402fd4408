using System.Text.Json.Nodes;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class SandboxHooksTests
{
    [Theory]
    [InlineData("prestart")]
    [InlineData("createRuntime")]
    [InlineData("createContainer")]
    [InlineData("poststart")]
    [InlineData("poststop")]
    public void Hooks_keep_their_arguments_environment_and_timeout(string stage)
    {
        JsonObject spec = Spec(stage, """{"path":"/usr/bin/h","args":["h","-x"],"env":["A=1"],"timeout":5}""");
        SandboxHooks.Rewrite(spec, "/bin/runcvm", "/b");
        DockerConfig.AssertJson(
            """
            {"path":"/bin/runcvm","args":["runcvm","hook","/b","/usr/bin/h","h","-x"],"env":["A=1"],"timeout":5}
            """, spec["hooks"]![stage]![0]);
    }

    [Fact]
    public void A_hook_that_is_to_run_inside_is_refused_by_its_name()
    {
        JsonObject spec = Spec("startContainer", """{"path":"/usr/bin/inside"}""");
        string message = Assert.Throws<UsageException>(() => SandboxHooks.Check(spec["hooks"])).Message;
        Assert.Contains("startContainer hook /usr/bin/inside", message, StringComparison.Ordinal);
        SandboxHooks.Check(Spec("createContainer", """{"path":"/usr/bin/outside"}""")["hooks"]);
    }

    [Fact]
    public void The_state_of_a_machine_goes_after_what_the_user_asked_for()
    {
        JsonObject spec = Spec("poststop", """{"path":"/usr/bin/h"}""");
        SandboxHooks.ForgetAtTheEnd(spec, "/bin/runcvm", "id@0");
        DockerConfig.AssertJson(
            """[{"path":"/usr/bin/h"},{"path":"/bin/runcvm","args":["runcvm","forget","id@0"]}]""",
            spec["hooks"]!["poststop"]);
    }

    private static JsonObject Spec(string stage, string hook)
        => new() { ["hooks"] = new JsonObject { [stage] = new JsonArray(JsonNode.Parse(hook)) } };
}
