using System.Text.Json.Nodes;
using Runcvm.Installation;

namespace Runcvm.Tests.Installation;

public class DaemonJsonTests
{
    private const string Program = "/usr/local/bin/runcvm";

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("{}")]
    [InlineData("{ \"runtimes\": {} }")]
    public void A_missing_or_empty_file_gets_the_runtime_alone(string? text)
        => Assert.Equal(
            """
            {
                "runtimes": {
                    "runcvm": {
                        "path": "/usr/local/bin/runcvm"
                    }
                }
            }

            """, With(text));

    [Fact]
    public void Everything_else_stays_in_its_order_and_indentation()
        => Assert.Equal(
            """
            {
              "log-opts": {
                "max-size": "10m"
              },
              "runtimes": {
                "other": {
                  "path": "/opt/other",
                  "runtimeArgs": [
                    "--größe=1+1"
                  ]
                },
                "runcvm": {
                  "path": "/usr/local/bin/runcvm"
                }
              },
              "max-concurrent-downloads": 3,
              "mtu": 1.50e3,
              "debug": false,
              "hosts": null
            }

            """,
            With("""
            {
              "log-opts": {"max-size": "10m"},
              "runtimes": {"other": {"path": "/opt/other", "runtimeArgs": ["--größe=1+1"]}},
              "max-concurrent-downloads": 3, "mtu": 1.50e3, "debug": false, "hosts": null
            }
            """));

    [Fact]
    public void An_older_path_of_ours_is_replaced_and_its_arguments_stay()
        => Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse("""{"runtimes":{"runcvm":{"path":"/usr/local/bin/runcvm","runtimeArgs":["--debug"]}}}"""),
            JsonNode.Parse(With("""{"runtimes":{"runcvm":{"path":"/opt/runcvm","runtimeArgs":["--debug"]}}}""")!)));

    [Fact]
    public void The_second_time_nothing_changes() => Assert.Null(With(With("{\"debug\": true}")));

    [Theory]
    [InlineData("{\n  \"debug\": true,\n  oops\n}", "/d.json is not valid JSON (line 3); it was left as it is: mend it, and try again")]
    [InlineData("{\n// why\n}", "/d.json is not valid JSON (line 2)")]
    [InlineData("{\"a\": 1, \"a\": 2}", "/d.json is not valid JSON")]
    [InlineData("[]", "/d.json does not hold a JSON object")]
    [InlineData("null", "/d.json does not hold a JSON object")]
    [InlineData("{\"runtimes\": []}", "/d.json has something in runtimes that is no JSON object")]
    [InlineData("{\"runtimes\": {\"runcvm\": \"/x\"}}", "/d.json has something in runcvm that is no JSON object")]
    public void What_cannot_be_understood_is_refused(string text, string message)
        => Assert.StartsWith(message, Assert.Throws<UsageException>(() => With(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Removing_gives_back_what_was_there()
    {
        const string Before = "{\n    \"debug\": true\n}\n";
        Assert.Equal(Before, Without(With(Before)));
        Assert.Null(Without(Before));
        Assert.Null(Without(null));
    }

    [Fact]
    public void A_runtime_of_that_name_with_another_path_is_not_ours()
        => Assert.Null(Without("""{"runtimes":{"runcvm":{"path":"/opt/runcvm"}}}"""));

    [Fact]
    public void Other_runtimes_stay_when_ours_goes()
        => Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse("""{"runtimes":{"other":{"path":"/o"}}}"""),
            JsonNode.Parse(Without("""{"runtimes":{"other":{"path":"/o"},"runcvm":{"path":"/usr/local/bin/runcvm"}}}""")!)));

    [Fact]
    public void The_default_runtime_is_not_pulled_away()
        => Assert.Contains("default-runtime", Assert.Throws<UsageException>(
            () => Without(With("{\"default-runtime\": \"runcvm\"}"))).Message, StringComparison.Ordinal);

    private static string? With(string? text) => DaemonJson.WithRuntime(text, Program, "/d.json");

    private static string? Without(string? text) => DaemonJson.WithoutRuntime(text, Program, "/d.json");
}
