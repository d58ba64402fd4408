using System.Text.Json.Nodes;

namespace Runcvm.SystemTests;

/// <summary>The OCI command line, called as people and other tools than engines do.</summary>
public class BundleTests(DockerEngine engine) : MachineTest(engine)
{
    private static readonly string[] Stages =
        ["prestart", "createRuntime", "createContainer", "poststart", "poststop"];

    [Fact]
    public async Task A_bundle_runs_with_its_hooks_and_leaves_nothing()
    {
        OnlyMachines();
        string bundle = await BundleAsync("cat", "/data/file");
        Assert.Equal("of the bundle", (await RuntimeAsync(bundle, "run", "--bundle", bundle, "alone")).Text);
        Assert.DoesNotContain(
            "alone", (await Engine.BesideAsync("ls", "/run/runcvm", bundle + "/state")).Text, StringComparison.Ordinal);
        foreach (string stage in Stages)
        {
            JsonNode told = JsonNode.Parse((await Engine.BesideAsync("cat", $"{bundle}/told/{stage}")).Text)!;
            Assert.Equal("alone", (string?)told["id"]);
            Assert.Equal(bundle, (string?)told["bundle"]);
        }
    }

    [Fact]
    public async Task State_and_update_are_about_the_container()
    {
        OnlyMachines();
        string bundle = await BundleAsync("sleep", "1000");
        // It keeps the streams that it was given.
        (await Engine.BesideAsync("sh", "-c", "exec \"$@\" </dev/null >\"$0\" 2>&1", bundle + "/log",
            DockerEngine.Runtime, "--root", bundle + "/state", "run", "--detach", "--bundle", bundle, "made"))
            .Succeeded();
        try
        {
            JsonNode state = JsonNode.Parse((await RuntimeAsync(bundle, "state", "made")).Text)!;
            Assert.Equal(bundle, (string?)state["bundle"]);
            Assert.Equal(bundle + "/rootfs", (string?)state["rootfs"]);
            Assert.Equal("running", (string?)state["status"]);
            (await RuntimeAsync(bundle, "update", "--cpu-share", "77", "--memory", "128m", "made")).Succeeded();
            (await RuntimeAsync(bundle, "update", "--kernel-memory", "1", "made")).Refused("update --kernel-memory");
        }
        finally
        {
            (await RuntimeAsync(bundle, "delete", "--force", "made")).Succeeded();
        }
    }

    private Task<CommandResult> RuntimeAsync(string bundle, params string[] arguments)
        => Engine.BesideAsync([DockerEngine.Runtime, "--root", bundle + "/state", .. arguments]);

    // As `spec` makes it, with a mount of its own folder, and hooks that write down what they are told.
    private async Task<string> BundleAsync(params string[] command)
    {
        string bundle = Path.Combine(Engine.Folder, NewName("bundle"));
        foreach (string folder in (string[])["rootfs", "told", "state", "data"])
            Directory.CreateDirectory(Path.Combine(bundle, folder));
        await File.WriteAllTextAsync(bundle + "/data/file", "of the bundle");
        string source = NewName();
        (await Docker.RunAsync("create", "--name", source, "--runtime=runc", Busybox, "true")).Succeeded();
        (await Docker.RunAsync("export", "-o", bundle + "/root.tar", source)).Succeeded();
        (await Engine.BesideAsync("tar", "-x", "-C", bundle + "/rootfs", "-f", bundle + "/root.tar")).Succeeded();
        (await RuntimeAsync(bundle, "spec", "--bundle", bundle)).Succeeded();
        string config = bundle + "/config.json";
        JsonObject spec = JsonNode.Parse((await Engine.BesideAsync("cat", config)).Text)!.AsObject();
        JsonObject process = spec["process"]!.AsObject();
        process["terminal"] = false;
        process["args"] = new JsonArray([.. command.Select(static word => (JsonNode)word)]);
        process["env"]!.AsArray().Add((JsonNode)$"RUNCVM_HYPERVISOR={DockerEngine.Hypervisor}");
        spec["mounts"]!.AsArray().Add((JsonNode)new JsonObject
        {
            ["destination"] = "/data",
            ["type"] = "bind",
            ["source"] = "data",
            ["options"] = new JsonArray("rbind", "ro"),
        });
        spec["hooks"] = new JsonObject(Stages.Select(
            stage => KeyValuePair.Create(stage, (JsonNode?)new JsonArray(Hook($"{bundle}/told/{stage}")))));
        await File.WriteAllTextAsync(config, spec.ToJsonString());
        return bundle;
    }

    private static JsonNode Hook(string told)
        => new JsonObject { ["path"] = "/bin/sh", ["args"] = new JsonArray("sh", "-c", "cat >\"$0\"", told) };
}
