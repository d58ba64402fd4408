using System.Globalization;

namespace Runcvm.SystemTests;

/// <summary>Memory, processors, processes and time of a machine, as limits and as a host's ups and downs bound them.</summary>
public class ResourceTests(DockerEngine engine) : MachineTest(engine)
{
    [Fact]
    [Proves("--memory")]
    public async Task A_workload_that_its_kernel_killed_for_memory_shows_as_OOMKilled()
    {
        string name = await StartAsync("-m", "128m", Busybox, "sh", "-c", "exec tail /dev/zero");
        Assert.Equal(137, await WaitAsync(name));
        Assert.Equal("true", await Docker.InspectAsync(name, "{{.State.OOMKilled}}"));
    }

    [Fact]
    public async Task Out_of_memory_in_the_guest_kills_one_of_its_processes_and_the_machine_goes_on()
    {
        string name = await StartAsync("-m", "128m", Busybox, "sleep", "1000");
        (await ExecAsync(name, "sh", "-c", "exec tail /dev/zero")).Ended(137);
        (await ExecAsync(name, "true")).Succeeded();
        (await Docker.RunAsync("kill", name)).Succeeded();
        Assert.Equal(137, await WaitAsync(name));
        // Docker says it of whatever was killed in a container; a machine only of its own end.
        if (DockerEngine.RunsMachines) Assert.Equal("false", await Docker.InspectAsync(name, "{{.State.OOMKilled}}"));
    }

    [Fact]
    public async Task An_emulated_processor_does_not_claim_to_be_fast_at_what_is_emulated_byte_by_byte()
    {
        OnlyMachines();
        CommandResult processor = await RunAsync(Busybox, "sh", "-c", "grep -m 1 'model name' /proc/cpuinfo; grep -owE 'avx2|erms|fsrm|fsrs' /proc/cpuinfo | sort -u");
        Assert.SkipUnless(processor.Text.Contains("QEMU TCG", StringComparison.Ordinal), "this machine's processor is not an emulated x86-64");
        Assert.Equal("avx2", processor.Text.Split('\n', 2)[1].Trim());
    }

    [Fact]
    [Proves("--memory")]
    public async Task A_limit_below_the_smallest_machine_is_refused_with_the_smallest()
    {
        OnlyMachines();
        (await RunAsync("-m", "32m", Busybox, "true")).Refused("64M");
    }

    [Fact]
    [Proves("update", "--memory")]
    public async Task Memory_shrinks_and_grows_while_the_machine_runs()
    {
        OnlyMachines();
        string name = await StartAsync("-m", "256m", Busybox, "sleep", "1000");
        long before = await FreeMebibytesAsync(name);
        (await Docker.RunAsync("update", "-m", "128m", "--memory-swap", "256m", name)).Succeeded();
        await Eventually.TrueAsync(async () => await FreeMebibytesAsync(name) < before - 100, "128 MiB less");
        (await Docker.RunAsync("update", "--cpu-shares", "512", name)).Succeeded();
        Assert.InRange(await FreeMebibytesAsync(name), 1, before - 100);
        (await Docker.RunAsync("update", "-m", "256m", "--memory-swap", "512m", name)).Succeeded();
        await Eventually.TrueAsync(async () => await FreeMebibytesAsync(name) > before - 20, "all of it again");
    }

    [Fact]
    [Proves("update", "--pids-limit")]
    public async Task The_number_of_processes_is_limited_where_they_are()
    {
        const string Fork = "for i in $(seq 40); do sleep 1000 & done; echo forked";
        string name = await StartAsync("--pids-limit", "30", Busybox, "sleep", "1000");
        (await ExecAsync(name, "sh", "-c", Fork)).Refused("Resource temporarily unavailable");
        (await Docker.RunAsync("update", "--pids-limit", "120", name)).Succeeded();
        Assert.Equal("forked", (await ExecAsync(name, "sh", "-c", Fork)).Text);
    }

    [Fact]
    public async Task Execs_run_beside_a_systemd_that_has_made_groups_of_its_own_where_processes_are_counted()
    {
        string name = await StartAsync("--pids-limit", "400", await Engine.Images.DockerInDockerAsync());
        (await ExecAsync(name, "systemctl", "is-system-running", "--wait")).Succeeded();
        (await ExecAsync(name, "true")).Succeeded();
        (await Docker.RunAsync("stop", "--time", "60", name)).Succeeded();
        Assert.Equal(0, await WaitAsync(name));
    }

    [Fact]
    [Proves("update", "--cpus", "--cpuset-cpus")]
    public async Task Half_a_processor_is_not_exceeded_and_can_be_changed()
    {
        string name = await StartAsync("--cpus", "0.5", Busybox, "sh", "-c", "while :; do :; done");
        await Eventually.TrueAsync(async () => long.Parse(await OfCgroupAsync(name, "cpu.stat", "$1 == \"nr_throttled\" { print $2 }"), CultureInfo.InvariantCulture) > 5, "throttled");
        (await Docker.RunAsync("update", "--cpus", "0.75", "--cpuset-cpus", "0", name)).Succeeded();
        Assert.Equal("75000", await OfCgroupAsync(name, "cpu.cfs_quota_us", "{ print $1 }", "cpu.max"));
        Assert.Equal("0", await OfCgroupAsync(name, "cpuset.cpus", "{ print $1 }"));
    }

    [Fact]
    [Proves("stats")]
    public async Task Statistics_make_sense()
    {
        string name = await StartAsync("-m", "256m", Busybox, "sh", "-c", "echo up; while :; do :; done");
        await LoggedAsync(name, "up");
        string[] fields = (await Docker.RunAsync("stats", "--no-stream", "--format", "{{.CPUPerc}} {{.MemPerc}} {{.PIDs}}", name)).Text.Split(' ');
        Assert.InRange(Percent(fields[0]), 1, 100.0 * Environment.ProcessorCount * 1.5);
        Assert.InRange(Percent(fields[1]), 0.01, 100);
        Assert.InRange(int.Parse(fields[2], CultureInfo.InvariantCulture), 1, 100);
    }

    [Fact]
    [Proves("pause", "unpause")]
    public async Task The_clock_is_right_after_a_pause()
    {
        string name = await StartAsync(Busybox, "sleep", "1000");
        await PauseAsync(name);
        Assert.InRange(await BehindAsync(name), -2, 2);
    }

    [Fact]
    public async Task A_clock_that_its_user_set_back_stays_back_after_a_pause()
    {
        OnlyMachines();
        const int Hour = 3600;
        string name = await StartAsync(Busybox, "sleep", "1000");
        (await ExecAsync(name, "sh", "-c", $"date -s @$(($(date +%s) - {Hour}))")).Succeeded();
        await PauseAsync(name);
        Assert.InRange(await BehindAsync(name), Hour - 2, Hour + 2);
    }

    // Longer than what passes for a clock that is right.
    private async Task PauseAsync(string name)
    {
        (await Docker.RunAsync("pause", name)).Succeeded();
        await Task.Delay(TimeSpan.FromSeconds(4), TestContext.Current.CancellationToken);
        (await Docker.RunAsync("unpause", name)).Succeeded();
    }

    // The supervisor sends the time when it goes on, and so before it sees the exec.
    private async Task<long> BehindAsync(string name)
    {
        long guest = long.Parse((await ExecAsync(name, "date", "+%s")).Text, CultureInfo.InvariantCulture);
        return DateTimeOffset.UtcNow.ToUnixTimeSeconds() - guest;
    }

    [Fact]
    public async Task Random_numbers_are_there_at_once()
        => Assert.Equal("64", (await Docker.WithinAsync(TimeSpan.FromSeconds(20),
            ["run", "--rm", .. RuntimeArguments, Busybox, "sh", "-c", "head -c 64 /dev/random | wc -c"])).Text);

    [Fact]
    public async Task An_empty_machine_id_is_filled_in_for_each_machine_and_kept()
    {
        OnlyMachines();
        byte[] dockerfile = System.Text.Encoding.UTF8.GetBytes($"FROM {Busybox}\nRUN : > /etc/machine-id\n");
        const string Image = "runcvm-test/machine-id";
        (await Docker.InputAsync(dockerfile, null, "build", "-q", "-t", Image, "-")).Succeeded();
        string[] ids = new string[2];
        for (int i = 0; i < 2; i++)
        {
            string name = await StartAsync(Image, "cat", "/etc/machine-id");
            Assert.Equal(0, await WaitAsync(name));
            ids[i] = (await Docker.RunAsync("start", "--attach", name)).Text;
            Assert.Matches("^[0-9a-f]{32}$", ids[i]);
            Assert.Equal([ids[i], ids[i]], (await Docker.RunAsync("logs", name)).Lines);
        }

        Assert.NotEqual(ids[0], ids[1]);
    }

    private async Task<long> FreeMebibytesAsync(string name)
        => long.Parse((await ExecAsync(name, "sh", "-c", "awk '/MemFree/ { print int($2 / 1024) }' /proc/meminfo")).Text, CultureInfo.InvariantCulture);

    private static double Percent(string text) => double.Parse(text.TrimEnd('%'), CultureInfo.InvariantCulture);
}
