using System.Text;
using System.Text.Json.Nodes;
using Runcvm.Cli;

namespace Runcvm.Tests.Cli;

public sealed class StateVerbTests : IDisposable
{
    private readonly string _bundle = Directory.CreateTempSubdirectory("runcvm-tests-").FullName;

    public void Dispose() => Directory.Delete(_bundle, recursive: true);

    [Fact]
    public void A_machines_bundle_and_root_are_those_of_its_container()
    {
        Write(_bundle, """{"root":{"path":"rootfs"}}""");
        string sandbox = Write(Path.Combine(_bundle, "runcvm"), """{"process":{"args":["/runcvm","supervise"]}}""");
        JsonObject state = StateVerb.OfContainer(State(sandbox));
        Assert.Equal(_bundle, (string?)state["bundle"]);
        Assert.Equal(_bundle + "/rootfs", (string?)state["rootfs"]);
    }

    [Fact]
    public void Another_containers_stay_as_they_are()
    {
        string bundle = Write(Path.Combine(_bundle, "runcvm"), """{"process":{"args":["sh"]}}""");
        JsonObject state = StateVerb.OfContainer(State(bundle));
        Assert.Equal(bundle, (string?)state["bundle"]);
        Assert.Equal("/skeleton", (string?)state["rootfs"]);
    }

    [Fact]
    public void A_hook_is_told_the_containers_bundle_and_all_else_as_it_was()
        => Assert.Equal(
            """{"id":"a","pid":7,"bundle":"/b","annotations":{"k":"v"}}""",
            HookVerb.Told("""{"id":"a","pid":7,"bundle":"/b/runcvm","annotations":{"k":"v"}}"""u8.ToArray(), "/b"));

    private static JsonObject State(string bundle) => new() { ["bundle"] = bundle, ["rootfs"] = "/skeleton" };

    private static string Write(string folder, string config)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, "config.json"), Encoding.UTF8.GetBytes(config));
        return folder;
    }
}
