using System.Globalization;
using System.Text.Json.Nodes;
using Runcvm.Oci;
using Runcvm.Tests.Kernels;

namespace Runcvm.Tests.Oci;

public class RuntimeLogTests
{
    private const string Nasty = "cannot \"do\"\nthis \\ that\té\u0001";

    [Fact]
    public void Json_errors_are_a_line_each_that_the_engine_can_parse()
    {
        string[] lines = Write("json", Nasty, "second");
        Assert.Equal(2, lines.Length);
        JsonObject first = JsonNode.Parse(lines[0])!.AsObject();
        Assert.Equal(["level", "msg", "time"], first.Select(static field => field.Key));
        Assert.Equal("error", (string?)first["level"]);
        Assert.Equal(Nasty, (string?)first["msg"]);
        Assert.True(DateTime.TryParse((string?)first["time"], CultureInfo.InvariantCulture, out _));
        Assert.Equal("second", (string?)JsonNode.Parse(lines[1])!["msg"]);
    }

    [Fact]
    public void Text_errors_are_a_line_each()
    {
        string[] lines = Write("text", "cannot \"do\"\nthis \\ that", "second");
        Assert.Equal(2, lines.Length);
        Assert.EndsWith("""level=error msg="cannot \"do\"\nthis \\ that" """.TrimEnd(), lines[0]);
    }

    [Fact]
    public void A_log_that_cannot_be_written_does_not_hide_the_error()
    {
        using var folder = new TemporaryFolder();
        TextWriter original = Console.Error;
        using var errors = new StringWriter();
        Console.SetError(errors);
        try
        {
            RuntimeLog.Error(CommandLine.Parse(["--log", folder.Path + "/none/log", "create", "id"]), "what went wrong");
        }
        finally
        {
            Console.SetError(original);
        }

        Assert.Equal(
            $"runcvm: what went wrong\nruncvm: cannot write that to the file of --log: {folder.Path}/none/log: No such file or directory\n",
            errors.ToString());
    }

    private static string[] Write(string format, params string[] messages)
    {
        using var folder = new TemporaryFolder();
        string log = Path.Combine(folder.Path, "log");
        CommandLine command = CommandLine.Parse(["--log", log, "--log-format", format, "create", "id"]);
        foreach (string message in messages) RuntimeLog.Error(command, message);
        return File.ReadAllText(log).TrimEnd('\n').Split('\n');
    }
}
