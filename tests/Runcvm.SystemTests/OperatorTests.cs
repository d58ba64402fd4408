using System.Diagnostics;
using System.Text.Json;

namespace Runcvm.SystemTests;

/// <summary>What an operator sees of real machines.</summary>
public class OperatorTests(DockerEngine engine) : MachineTest(engine)
{
    [Fact]
    public async Task A_machine_is_listed_with_what_it_is_and_uses()
    {
        OnlyMachines();
        (string name, string id) = await MachineAsync("-m", "256m", "--cpus", "1");
        JsonElement machine = Json(await OperateAsync("list", "--format", "json")).EnumerateArray().Single(item => Text(item, "id") == id);
        Assert.Equal("running", Text(machine, "status"));
        Assert.Equal(name, Text(machine, "name"));
        Assert.Equal(Busybox, Text(machine, "image"));
        Assert.Equal(DockerEngine.Hypervisor, Text(machine, "hypervisor"));
        Assert.Equal(256L << 20, machine.GetProperty("memoryBytes").GetInt64());
        Assert.Equal(1, machine.GetProperty("vcpus").GetInt32());
        Assert.InRange(machine.GetProperty("memoryUsedBytes").GetInt64(), 16L << 20, 1L << 30);
        Assert.InRange(machine.GetProperty("uptimeSeconds").GetDouble(), 0.01, 600);
        Assert.Contains('/', Text(machine, "kernel"));
        Assert.Contains(id[..12], (await OperateAsync("list")).Text, StringComparison.Ordinal);
        Assert.Contains(id, (await OperateAsync("list", "--quiet")).Lines);
    }

    [Fact]
    public async Task Engines_get_the_list_of_the_low_level_runtime()
    {
        OnlyMachines();
        (_, string id) = await MachineAsync();
        string list = (await Engine.BesideAsync("sh", "-c", $"'{DockerEngine.Runtime}' --root /run/docker/runtime-runcvm/moby list --format json || '{DockerEngine.Runtime}' --root /run/docker/runtime-runc/moby list --format json")).Text;
        Assert.DoesNotContain("hypervisor", list, StringComparison.Ordinal);
        Assert.True(list == "null" || list.Contains("ociVersion", StringComparison.Ordinal), $"{id}: {list}");
    }

    [Fact]
    public async Task A_start_is_accounted_for_step_by_step()
    {
        OnlyMachines();
        (string name, string id) = await MachineAsync([.. RootOnDisk, "-e", "RUNCVM_LOG_LEVEL=DEBUG"]);
        JsonElement machine = Json(await OperateAsync("inspect", id[..12], "--json"));
        double[] steps = [.. machine.GetProperty("start").EnumerateArray().Select(static step => step.GetProperty("milliseconds").GetDouble())];
        Assert.InRange(steps.Length, 8, 30);
        Assert.All(steps, static step => Assert.InRange(step, 0, 120_000));
        double kernel = machine.GetProperty("start").EnumerateArray().Single(static step => Text(step, "step") == "guest kernel and init").GetProperty("milliseconds").GetDouble();
        Assert.True(kernel > 1, $"the guest's kernel took {kernel} ms");
        Assert.EndsWith(".erofs", machine.GetProperty("disks").GetProperty("root").GetString(), StringComparison.Ordinal);
        Assert.Contains("guest kernel and init", (await OperateAsync("inspect", name)).Text, StringComparison.Ordinal);
        await Eventually.TrueAsync(async () => (await Docker.RunAsync("logs", name)).Stderr.Contains("ms  guest kernel and init", StringComparison.Ordinal), "the steps in the log");
    }

    [Fact]
    public async Task The_guests_kernel_log_is_there_whatever_the_image_holds()
    {
        OnlyMachines();
        (string name, _) = await MachineAsync();
        string log = (await OperateAsync("dmesg", name)).Text;
        Assert.Matches(@"^\[ *0\.0+\] Linux version ", log);
        Assert.Contains("Command line:", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_workload_that_removes_the_machines_devices_keeps_nobody_from_looking_inside()
    {
        OnlyMachines();
        (string name, _) = await MachineAsync("--cap-add", "SYS_ADMIN");
        // A kernel has one devtmpfs, whoever mounts it.
        (await ExecAsync(name, "sh", "-c", "mkdir -p /tmp/dev && mount -t devtmpfs none /tmp/dev && rm /tmp/dev/kmsg /tmp/dev/null")).Succeeded();
        (await ExecAsync(name, "true")).Succeeded();
        (await ExecAsync(name, "true")).Succeeded();
        Assert.Contains("Linux version", (await OperateAsync("dmesg", name)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_console_shows_what_the_guest_says_while_it_says_it_and_nothing_that_moves_the_cursor()
    {
        OnlyMachines();
        (string name, _) = await MachineAsync();
        using Process watching = Command.Start("nsenter", Beside("console", name));
        // Errors of the kernel are what its console shows; the workload has a root of its own there, and may write to its log.
        (await ExecAsync(name, "sh", "-c", @"mknod /tmp/kmsg c 1 11; printf '<2>seen \033[2J live\n' > /tmp/kmsg")).Succeeded();
        string line = await LineWithAsync(watching, "seen", name);
        Assert.DoesNotContain('\e', line);
        (await Docker.RunAsync("rm", "--force", name)).Succeeded();
        await watching.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_console_that_is_not_followed_ends_and_a_slow_reader_does_not_stop_the_machine()
    {
        OnlyMachines();
        (string name, _) = await MachineAsync();
        using Process stuck = Command.Start("nsenter", Beside("console", name));
        (await ExecAsync(name, "sh", "-c", "mknod /tmp/kmsg c 1 11; for i in $(seq 2000); do echo \"<2>line $i of many that nobody reads at all\" > /tmp/kmsg; done")).Succeeded();
        Assert.Contains("line 2000", (await OperateAsync("console", "--no-follow", name)).Text, StringComparison.Ordinal);
        stuck.Kill();
    }

    [Fact]
    public async Task Use_is_measured_and_exported()
    {
        OnlyMachines();
        (string name, string id) = await MachineAsync();
        JsonElement machine = Assert.Single(Json(await OperateAsync("stats", name, "--json")).EnumerateArray());
        Assert.True(machine.GetProperty("cpuSeconds").GetDouble() > 0);
        Assert.InRange(machine.GetProperty("cpuPercent").GetDouble(), 0, 10_000);
        string metrics = (await OperateAsync("metrics")).Text;
        Assert.Contains($"runcvm_machine_cpu_seconds_total{{id=\"{id}\",name=\"{name}\"}} ", metrics, StringComparison.Ordinal);
        Assert.Contains($"runcvm_machine_start_seconds{{id=\"{id}\",name=\"{name}\",step=\"hypervisor\"}} ", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("runcvm_machines 0\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_in_use_is_named_and_survives_a_prune()
    {
        OnlyMachines();
        (string name, _) = await MachineAsync(RootOnDisk);
        JsonElement image = Json(await OperateAsync("images", "--json")).EnumerateArray().Single(item => item.GetProperty("users").GetInt32() == 1);
        Assert.StartsWith(Busybox, Text(image, "image"), StringComparison.Ordinal);
        (await OperateAsync("images", "prune")).Succeeded();
        Assert.Contains(Json(await OperateAsync("images", "--json")).EnumerateArray(), item => Text(item, "key") == Text(image, "key"));
        (await ExecAsync(name, "true")).Succeeded();
    }

    [Fact]
    public async Task The_doctor_boots_a_machine_and_leaves_nothing()
    {
        OnlyMachines();
        const string Traces = "find /var/lib/runcvm -type f ! -name '.*'; ls /run/runcvm; ps -e -o pid=,comm= | grep -E '(qemu|firecracker)'; true";
        (await RunAsync(Busybox, "true")).Succeeded();
        string[] before = (await Engine.BesideAsync("sh", "-c", Traces)).Lines;
        CommandResult result = await Command.RunAsync("nsenter", Beside("doctor", "--json"), timeout: TimeSpan.FromMinutes(4));
        JsonElement[] findings = [.. Json(result).EnumerateArray()];
        Assert.Contains(findings, static finding => Text(finding, "subject") == "trial boot" && Text(finding, "verdict") == "ok");
        Assert.Contains(findings, static finding => Text(finding, "subject") == "Docker" && Text(finding, "verdict") == "ok");
        Assert.All(findings.Where(static finding => Text(finding, "verdict") != "ok"), static finding => Assert.NotEmpty(Text(finding, "cure")));
        // What others left before is tidied up by whoever comes along, so less is no fault.
        Assert.Empty((await Engine.BesideAsync("sh", "-c", Traces)).Lines.Except(before));
    }

    [Fact]
    public async Task A_mistake_is_a_sentence_and_exit_code_two()
    {
        OnlyMachines();
        (await OperateAsync("inspect", "nonesuch")).Ended(2).Refused("no machine is called 'nonesuch'");
        (await OperateAsync("list", "--frob")).Ended(2).Refused("'--frob'", "runcvm list --help");
        (await OperateAsync("frob")).Ended(2).Refused("'frob' is no verb");
        Assert.Contains("doctor", (await OperateAsync("help")).Text, StringComparison.Ordinal);
        Assert.Contains("--no-follow", (await OperateAsync("console", "--help")).Text, StringComparison.Ordinal);
    }

    private async Task<(string Name, string Id)> MachineAsync(params string[] options)
    {
        string name = await StartAsync([.. options, Busybox, "sh", "-c", "echo up; sleep 1000"]);
        await LoggedAsync(name, "up", TimeSpan.FromMinutes(2));
        return (name, await Docker.InspectAsync(name, "{{.Id}}"));
    }

    private async Task<string> LineWithAsync(Process watching, string text, string name)
    {
        var lines = new List<string>();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            while (await watching.StandardOutput.ReadLineAsync(patience.Token) is { } line)
            {
                if (line.Contains(text, StringComparison.Ordinal)) return line;
                lines.Add(line);
            }
        }
        catch (OperationCanceledException)
        {
            // Told below.
        }

        string there = (await OperateAsync("console", "--no-follow", name)).ToString();
        Assert.Fail($"'{text}' was not among the {lines.Count} lines seen live ({lines.LastOrDefault()}); the console holds: {there}");
        return "";
    }

    private Task<CommandResult> OperateAsync(params string[] arguments) => Command.RunAsync("nsenter", Beside(arguments));

    // In the engine's namespaces, where the machines' state folders are.
    private string[] Beside(params string[] arguments)
        => ["--target", Engine.ProcessId, "--mount", "--net", "--pid", "--", "env", .. Docker.Environment, DockerEngine.Runtime, .. arguments];

    private static JsonElement Json(CommandResult result)
    {
        using JsonDocument document = JsonDocument.Parse(result.Succeeded().Output);
        return document.RootElement.Clone();
    }

    private static string Text(JsonElement item, string name) => item.GetProperty(name).GetString() ?? "";
}
