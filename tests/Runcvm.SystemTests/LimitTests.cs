using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Runcvm.SystemTests;

/// <summary>What a sandbox may use of its host where its user set no limit, and that no machine reaches it.</summary>
public sealed class LimitTests(DockerEngine engine) : MachineTest(engine)
{
    private const string Recent = "/run/runcvm-boots.recent";
    private const long Mebibyte = 1 << 20;
    private const long Guest = 512 * Mebibyte;

    [Fact]
    public async Task A_machine_has_limits_whether_or_not_its_user_set_any()
    {
        OnlyMachines();
        string name = await StartAsync(Busybox, "sleep", "1000");
        Assert.Equal("4096", await OfCgroupAsync(name, "pids.max", "{ print $1 }"));
        // The engine's folder may be in memory, of which there may be as much as the host has.
        long most = (3 * Guest) + (2048 * Mebibyte) + await OfMemoryAsync("MemTotal");
        Assert.InRange(await MemoryLimitAsync(name), (2 * Guest) + (1024 * Mebibyte), most);
        (await Docker.RunAsync("update", "-m", "20g", "--memory-swap", "30g", name)).Succeeded();
        Assert.InRange(await MemoryLimitAsync(name), (2 * Guest) + (1024 * Mebibyte), most);
        string process = await Docker.InspectAsync(name, "{{.State.Pid}}");
        const string OpenFiles = "/^Max open files/ { print $4, $5 }";
        string[] files = (await Engine.BesideAsync("awk", OpenFiles, $"/proc/{process}/limits")).Text.Split(' ');
        Assert.All(files, static limit => Assert.InRange(Number(limit), 1024, 1_048_576));
    }

    [Fact]
    public async Task A_users_limits_leave_room_for_the_hypervisor()
    {
        OnlyMachines();
        string name = await StartAsync("-m", "256m", "--pids-limit", "100", Busybox, "sleep", "1000");
        Assert.InRange(await MemoryLimitAsync(name), 256 * Mebibyte * 5 / 4, 1024 * Mebibyte);
        Assert.InRange(Number(await OfCgroupAsync(name, "pids.max", "{ print $1 }")), 200, 500);
    }

    [Fact]
    public async Task Forty_thousand_files_are_looked_at_and_as_many_are_open_as_may_be()
    {
        const int Files = 40_000;
        using var folder = new TemporaryFolder();
        (await Command.RunAsync("gcc", ["-static", "-O1", "-o", Path.Combine(folder.Path, "open"),
            Path.Combine(Repository.Tests, "Volumes/open.c")])).Succeeded();
        string many = Path.Combine(folder.Path, "many");
        Directory.CreateDirectory(many);
        for (int i = 0; i < Files; i++)
            File.WriteAllBytes(Path.Combine(many, i.ToString(CultureInfo.InvariantCulture)), [1]);
        // The guest's own bound, which its memory decides, is lower.
        const string Script = "echo 80000 >/proc/sys/fs/file-max && exec /b/open /b/many";
        string name = await StartAsync("-i", "-v", $"{folder.Path}:/b", Busybox, "sh", "-c", Script);
        await LoggedAsync(name, $"{Files} files, ", TimeSpan.FromMinutes(5));
        string logs = (await Docker.RunAsync("logs", name)).Text;
        // The engine's own limit of open files may be lower than that of the sandbox.
        Assert.InRange(Number(logs.Split(' ')[2]), 5_000, Files);
        (await ExecAsync(name, "true")).Succeeded();
        TestContext.Current.SendDiagnosticMessage($"the most that it used: {await MostUsedAsync(name) / Mebibyte} MiB");
    }

    [Fact]
    public async Task A_volume_in_the_hosts_memory_can_be_filled()
    {
        const int Mebibytes = 3000;
        long available = await OfMemoryAsync("MemAvailable");
        Assert.SkipUnless(available > 3 * Mebibytes * Mebibyte, "the host has too little memory");
        string volume = $"memory-{Environment.ProcessId}";
        string[] options = ["--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", $"o=size={Mebibytes + 100}m"];
        (await Docker.RunAsync(["volume", "create", .. options, volume])).Succeeded();
        try
        {
            string script = $"dd if=/dev/zero of=/m/file bs=1M count={Mebibytes} 2>/dev/null; stat -c %s /m/file";
            string name = await StartAsync("-v", $"{volume}:/m", Busybox, "sh", "-c", script);
            await LoggedAsync(name, $"{Mebibytes * Mebibyte}", TimeSpan.FromMinutes(5));
            Assert.Equal(0, await WaitAsync(name));
            (await Docker.RunAsync("rm", name)).Succeeded();
        }
        finally
        {
            (await Docker.RunAsync("volume", "rm", "--force", volume)).Succeeded();
        }
    }

    [Fact]
    public async Task A_hundred_execs_run_at_once_where_nobody_set_a_limit()
    {
        const int Execs = 100;
        string name = await StartAsync(Busybox, "sleep", "1000");
        for (int i = 0; i < Execs; i++) (await Docker.RunAsync("exec", "-d", name, "sleep", "1001")).Succeeded();
        Assert.Equal($"{Execs}", (await ExecAsync(name, "sh", "-c", "ps | grep -c '[s]leep 1001'")).Text);
        TestContext.Current.SendDiagnosticMessage($"the most that it used: {await MostUsedAsync(name) / Mebibyte} MiB");
    }

    [Fact]
    public async Task A_sandbox_that_keeps_every_place_to_boot_delays_others_by_seconds()
    {
        OnlyMachines();
        string holder = await StartAsync(Busybox, "sleep", "1000");
        (await ExecAsync(holder, "true")).Succeeded();
        // As a supervisor that was taken over could, by the files that its sandbox has.
        string boots = $"/proc/{await Docker.InspectAsync(holder, "{{.State.Pid}}")}/root/run/boots";
        const string Hold = "for place in $0/*; do flock $place sleep 1000 & done; wait";
        const string AllHeld = "for place in $0/*; do ! flock -n $place true || exit 1; done";
        using Process places = Command.Start(
            "nsenter", ["--target", Engine.ProcessId, "--mount", "--pid", "--", "sh", "-c", Hold, boots]);
        try
        {
            Task<CommandResult> Look() => Engine.BesideAsync("sh", "-c", AllHeld, boots);
            await Eventually.TrueAsync(async () => (await Look()).ExitCode == 0, "every place is held");
            // Nobody's machines of before this test count.
            File.Delete(Recent);
            string name = await StartAsync(Busybox, "sleep", "1000");
            int others = (int)(new FileInfo(Recent).Length / sizeof(long)) - 1;
            (await ExecAsync(name, "true")).Succeeded();
            double? waited = await WaitedForTurnAsync(name);
            Assert.SkipWhen(waited == null, "machines on KVM wait for nobody");
            double patience = Math.Min(60, 5 + (20.0 * others / Environment.ProcessorCount));
            Assert.InRange(waited!.Value, 4.5, 3 + patience);
        }
        finally
        {
            places.Kill(entireProcessTree: true);
            await places.WaitForExitAsync(CancellationToken.None);
        }
    }

    // Seconds; see docs/decisions/turns-at-booting.md.
    // Seconds.
    private async Task<double?> WaitedForTurnAsync(string name)
    {
        string id = await Docker.InspectAsync(name, "{{.Id}}");
        using var machine = JsonDocument.Parse(
            (await Engine.BesideAsync(DockerEngine.Runtime, "inspect", id[..12], "--json")).Text);
        foreach (JsonElement step in machine.RootElement.GetProperty("start").EnumerateArray())
        {
            if (step.GetProperty("step").GetString() == "waiting for others that boot")
                return step.GetProperty("milliseconds").GetDouble() / 1000;
        }

        return null;
    }

    private async Task<long> MemoryLimitAsync(string name)
        => Number(await OfCgroupAsync(name, "memory.limit_in_bytes", "{ print $1 }", "memory.max"));

    private async Task<long> MostUsedAsync(string name)
        => Number(await OfCgroupAsync(name, "memory.max_usage_in_bytes", "{ print $1 }", "memory.peak"));

    // Bytes.
    private async Task<long> OfMemoryAsync(string line)
        => 1024 * Number((await Engine.BesideAsync("awk", $"/^{line}:/ {{ print $2 }}", "/proc/meminfo")).Text);

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
