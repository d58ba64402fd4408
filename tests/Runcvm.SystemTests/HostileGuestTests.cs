using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Runcvm.Protocol;
using Runcvm.Protocol.Messages;

namespace Runcvm.SystemTests;

/// <summary>Machines whose first process is not ours: an installation with another guest program (Hostile/init.c), called
/// without an engine.</summary>
public sealed partial class HostileGuestTests(DockerEngine engine) : MachineTest(engine)
{
    // 15 MB are promised for a machine that works, and this is its peak, with pages that it shares.
    private const long MostMemory = 32L * 1024 * 1024;

    private readonly TemporaryFolder _folder = new();

    private string Runtime => Path.Combine(_folder.Path, "bin/runcvm");

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        OnlyMachines();
        string library = Path.Combine(_folder.Path, "lib/runcvm");
        string original = Path.Combine(Path.GetDirectoryName(DockerEngine.Runtime)!, "../lib/runcvm");
        Directory.CreateDirectory(Path.GetDirectoryName(Runtime)!);
        Directory.CreateDirectory(library);
        File.Copy(DockerEngine.Runtime, Runtime);
        Directory.CreateSymbolicLink($"{library}/kernels", Path.GetFullPath($"{original}/kernels"));
        (await Command.RunAsync("gcc", ["-static", "-O1", $"-DSTREAM_PORT={HostPort.Stream}", "-o", $"{library}/runcvm-init", Path.Combine(Repository.Tests, "Hostile/init.c")])).Succeeded();
        string root = Path.Combine(_folder.Path, "bundle/rootfs/bin");
        Directory.CreateDirectory(root);
        File.Copy("/proc/self/exe", Path.Combine(root, "anything"));
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("garbage", "a frame of kind")]
    [InlineData("frame", "a frame of kind 1 with 16777215 bytes on channel 0 cannot be")]
    [InlineData("message", "a message of 4294967295 bytes cannot be")]
    [InlineData("long", "a message of 1000000 bytes cannot be")]
    [InlineData("channel", "a frame for channel 4000000000, which nobody opened")]
    [InlineData("unknown", "it sent message 200")]
    [InlineData("stranger", "it sent message 67 about process 77, which does not run")]
    public async Task A_guest_that_breaks_the_protocol_ends_with_one_sentence(string mode, string reason)
    {
        CommandResult result = await Engine.BesideAsync(RunArguments(mode)).WaitAsync(TimeSpan.FromSeconds(90), TestContext.Current.CancellationToken);
        result.Ended(125);
        Assert.Single(result.Stderr.Split('\n'), line => line.StartsWith("runcvm: the guest broke the protocol and was stopped: " + reason, StringComparison.Ordinal));
        await DeleteAsync();
    }

    // As a guest does whose kernel measured its timer badly; and one that stands still for want of it is reset.
    [Theory]
    [InlineData("stuck", 1, "the guest broke the protocol and was stopped: it sent message 200")]
    [InlineData("once", 1, "the guest broke the protocol and was stopped: it sent message 200")]
    [InlineData("reset", 2, "QEMU ended with code 0 before the workload had ended")]
    public async Task A_guest_that_resets_itself_while_it_boots_may_do_so_twice(string mode, int resets, string end)
    {
        Assert.SkipWhen(DockerEngine.Hypervisor == "firecracker", "a guest that resets itself ends Firecracker");
        string[] said = (await Engine.BesideAsync(RunArguments(mode)).WaitAsync(TimeSpan.FromSeconds(90), TestContext.Current.CancellationToken)).Ended(125).Stderr.Split('\n');
        Assert.Equal(resets, said.Count(static line => line.StartsWith("runcvm: the guest was reset while it booted, and boots once more", StringComparison.Ordinal)));
        Assert.Single(said, line => line.StartsWith("runcvm: " + end, StringComparison.Ordinal));
        await DeleteAsync();
    }

    [Theory]
    [InlineData("flood")]
    [InlineData("mute")]
    public async Task A_guest_that_floods_its_host_or_never_listens_costs_little_and_can_be_killed(string mode)
    {
        string log = Path.Combine(_folder.Path, "log");
        Task<CommandResult> run = Engine.BesideAsync(["sh", "-c", "exec \"$@\" 2>\"$0\"", log, .. RunArguments(mode)]);
        await Eventually.TrueAsync(async () => File.Exists(log) && (await File.ReadAllTextAsync(log)).Contains("guest kernel", StringComparison.Ordinal), "the guest's hello");
        for (int look = 0; look < 5; look++)
        {
            Assert.InRange(await SupervisorsPeakAsync(), 1, MostMemory);
            await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        }

        (await Engine.BesideAsync(Runtime, "--root", State, "kill", Id, "KILL")).Succeeded();
        (await run).Ended(137);
        await DeleteAsync();
    }

    private static string Id => "hostile";

    private string State => Path.Combine(_folder.Path, "state");

    private string[] RunArguments(string mode)
    {
        string bundle = Path.Combine(_folder.Path, "bundle");
        WriteConfig(bundle, $"{mode},{Hello.CurrentVersion}");
        return [Runtime, "--root", State, "run", "--bundle", bundle, Id];
    }

    private static void WriteConfig(string bundle, string mode) => File.WriteAllText(Path.Combine(bundle, "config.json"), new JsonObject
    {
        ["ociVersion"] = "1.0.2",
        ["root"] = new JsonObject { ["path"] = "rootfs" },
        ["process"] = new JsonObject
        {
            ["args"] = new JsonArray("/bin/anything"),
            ["env"] = new JsonArray($"RUNCVM_HYPERVISOR={DockerEngine.Hypervisor}", $"RUNCVM_KERNEL_ARGS=hostile={mode}", "RUNCVM_MEM_SIZE=128M", "RUNCVM_LOG_LEVEL=INFO"),
            ["cwd"] = "/",
        },
        ["linux"] = new JsonObject
        {
            ["cgroupsPath"] = $"/{Id}",
            ["namespaces"] = new JsonArray(new JsonObject { ["type"] = "network" }),
        },
    }.ToJsonString());

    private async Task<string> PidAsync()
        => JsonNode.Parse((await Engine.BesideAsync(Runtime, "--root", State, "state", Id)).Text)!["pid"]!.ToJsonString();

    private async Task<long> SupervisorsPeakAsync()
    {
        string status = (await Engine.BesideAsync("cat", $"/proc/{await PidAsync()}/status")).Text;
        return long.Parse(HighWaterMark().Match(status).Groups[1].Value, CultureInfo.InvariantCulture) * 1024;
    }

    // As engines do at every end.
    private async Task DeleteAsync()
    {
        (await Engine.BesideAsync(Runtime, "--root", State, "delete", "--force", Id)).Succeeded();
        // No engine made this container, so that no engine removes its disk; the next machine would.
        (await Engine.BesideAsync("sh", "-c", $"rm /var/lib/runcvm/scratch/{Id}@*.ext4*")).Succeeded();
        await Eventually.TrueAsync(IsNothingLeftAsync, "nothing of the machine");
    }

    private async Task<bool> IsNothingLeftAsync()
    {
        CommandResult left = await Engine.BesideAsync("sh", "-c", $"ls /run/runcvm; ls -A {State}; ps -e -o args= | grep -E '[q]emu-system|[r]uncvm supervise'");
        return left.Stdout.Length == 0;
    }

    [GeneratedRegex(@"VmHWM:\s+(\d+) kB")]
    private static partial Regex HighWaterMark();
}
