using Runcvm.Cli;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Sandbox;
using Runcvm.Tests.Kernels;

namespace Runcvm.Tests.Cli;

/// <summary>A script takes runc's place: what it answers to `state` decides whether a call may go on to it.</summary>
public sealed class OwnMachineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_container_that_is_no_machine_goes_on_to_the_low_level_runtime()
    {
        string bundle = Directory.CreateDirectory(Path.Combine(_folder.Path, "plain")).FullName;
        Assert.Null(Find($$"""{"id":"a","pid":7,"bundle":"{{bundle}}"}"""));
        Assert.Null(Find("", code: 1));
        Assert.Null(Find("nonsense"));
    }

    [Fact]
    public void A_bundle_of_that_name_which_runs_something_else_is_no_machine()
        => Assert.Null(Find(State(Bundle("""{"process":{"args":["/bin/sh"]}}"""))));

    [Theory]
    [InlineData("""{"process":{"args":["/runcvm","supervise"]}}""")]
    [InlineData("""{"process":{}}""")]
    [InlineData("nonsense")]
    [InlineData(null)]
    public void A_machine_without_its_state_is_refused(string? config)
        => Assert.Contains(
            "exec is refused: container lost-for-a-test is a machine, and its state in /run/runcvm/lost-for-a-test@",
            Assert.Throws<UsageException>(() => Find(State(Bundle(config)))).Message, StringComparison.Ordinal);

    private string Bundle(string? config)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder.Path, "runcvm")).FullName;
        if (config != null) File.WriteAllText(Path.Combine(folder, "config.json"), config);
        return folder;
    }

    private static string State(string bundle) => $$"""{"id":"a","pid":7,"bundle":"{{bundle}}"}""";

    private MachineFolder? Find(string state, int code = 0)
    {
        string runtime = Path.Combine(_folder.Path, "runtime");
        string root = Path.Combine(_folder.Path, "root");
        ScriptFile.Write(runtime,
            $"#!/bin/sh\n[ \"$*\" = '--root {root} state lost-for-a-test' ] || exit 9\n"
            + $"cat <<'END'\n{state}\nEND\nexit {code}\n");
        CommandLine command = CommandLine.Parse(["--root", root, "exec", "--process", "/p", "lost-for-a-test"]);
        return OwnMachine.Find(command, new HostConfig { LowLevelRuntime = runtime }, "lost-for-a-test");
    }
}
