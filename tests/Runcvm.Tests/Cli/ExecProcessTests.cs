using System.Text.Json.Nodes;
using Runcvm.Cli;
using Runcvm.Oci;

namespace Runcvm.Tests.Cli;

/// <summary>Flags of an exec as people write them, who have no file of the process.</summary>
public class ExecProcessTests
{
    [Fact]
    public void The_containers_own_process_is_changed_by_flags_and_command()
    {
        const string Line = "exec --cwd /tmp -e A=1 --env=B=2 -u 7:8 -g 9 -g 10 -t --cap CAP_SYS_ADMIN id sh -c ls";
        JsonObject process = Changed(Line);
        Assert.Equal(["sh", "-c", "ls"], ProcessReader.Texts(process["args"]));
        Assert.Equal("/tmp", process["cwd"]!.GetValue<string>());
        Assert.Equal(["PATH=/bin", "A=1", "B=2"], ProcessReader.Texts(process["env"]));
        Assert.Equal("""{"uid":7,"gid":8,"additionalGids":[9,10]}""", process["user"]!.ToJsonString());
        Assert.True(process["terminal"]!.GetValue<bool>());
        Assert.Equal(["CAP_KILL", "CAP_SYS_ADMIN"], ProcessReader.Texts(process["capabilities"]!["bounding"]));
        Assert.Equal(["CAP_SYS_ADMIN"], ProcessReader.Texts(process["capabilities"]!["effective"]));
    }

    [Fact]
    public void Without_flags_only_the_command_and_the_terminal_are_others()
    {
        JsonObject process = Changed("exec id true");
        Assert.Equal(
            """{"terminal":false,"args":["true"],"env":["PATH=/bin"],"cwd":"/home","user":{"uid":5},"""
            + "\"capabilities\":{\"bounding\":[\"CAP_KILL\"]}}",
            process.ToJsonString());
    }

    [Theory]
    [InlineData("exec -u root id true", "root")]
    [InlineData("exec -u 1:x id true", "x")]
    [InlineData("exec -g -5 id true", "-5")]
    public void What_is_no_number_is_named(string line, string named)
        => Assert.Contains($"not '{named}'", Assert.Throws<UsageException>(() => Changed(line)).Message);

    private static JsonObject Changed(string line)
    {
        CommandLine command = CommandLine.Parse(line.Split(' '));
        JsonNode process = JsonNode.Parse(
            """
            {"terminal":true,"args":["sleep"],"env":["PATH=/bin"],"cwd":"/home","user":{"uid":5},
             "capabilities":{"bounding":["CAP_KILL"]}}
            """)!;
        return ExecProcess.Changed((JsonObject)process, command, command.AfterId(ExecProcess.FlagsWithValue));
    }
}
