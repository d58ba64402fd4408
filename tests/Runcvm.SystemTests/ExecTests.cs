using System.Text;

namespace Runcvm.SystemTests;

[Proves("exec")]
public class ExecTests(DockerEngine engine) : MachineTest(engine)
{
    [Theory]
    [InlineData("id -u", "1000", "-u", "1000")]
    [InlineData("id -un; id -G", "app\n1000 50", "-u", "app")]
    [InlineData("pwd", "/var", "-w", "/var")]
    [InlineData("echo \"$LINES_OF\"", "one\ntwo", "-e", "LINES_OF=one\ntwo")]
    [InlineData("echo $FROM_RUN", "yes")]
    [InlineData("cat /proc/1/comm", "sleep")]
    public async Task The_flags_of_docker_exec_mean_what_they_mean_to_runc(string script, string expected, params string[] flags)
    {
        string name = await StartAsync("-e", "FROM_RUN=yes", Busybox, "sleep", "1000");
        Assert.Equal(expected, (await Docker.RunAsync(["exec", .. flags, name, "sh", "-c", script])).Text);
    }

    [Fact]
    public async Task Streams_and_exit_codes_of_an_exec_are_its_own()
    {
        string name = await StartAsync(Busybox, "sleep", "1000");
        CommandResult result = await ExecAsync(name, "sh", "-c", "echo out; echo err >&2; exit 4");
        Assert.Equal(("out\n", "err\n", 4), (result.Stdout, result.Stderr, result.ExitCode));
        (await ExecAsync(name, "sh", "-c", "kill -9 $$")).Ended(137);
        // Docker made it 127 only after version 20.10.
        Assert.InRange((await ExecAsync(name, "no-such-command")).ExitCode, 126, 127);
        (await ExecAsync(name, "/etc/passwd")).Ended(126);
        Assert.Equal("", (await Docker.RunAsync("logs", name)).Stdout);
    }

    [Fact]
    public async Task The_guest_has_an_exec_ready_before_its_streams_are_there()
    {
        string name = await StartAsync("-e", "RUNCVM_LOG_LEVEL=DEBUG", Busybox, "sleep", "1000");
        // One that comes before the workload runs is not got ready: the first waits for that.
        (await ExecAsync(name, "true")).Ended(0);
        CommandResult result = await ExecAsync(name, "sh", "-c", "echo out; exit 6");
        Assert.Equal(("out\n", 6), (result.Stdout, result.ExitCode));
        string log = (await Docker.RunAsync("logs", name)).Stderr;
        Assert.Contains("which had it ready", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Standard_input_of_an_exec_ends_where_the_users_does()
    {
        string name = await StartAsync(Busybox, "sleep", "1000");
        byte[] input = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("some line\n", 100_000)));
        CommandResult result = await Docker.InputAsync(input, null, "exec", "-i", name, "wc", "-c");
        Assert.Equal("1000000", result.Text);
    }

    [Fact]
    public async Task An_exec_has_the_users_terminal()
    {
        string name = await StartAsync(Busybox, "sleep", "1000");
        using var terminal = new Terminal(Docker, 31, 79);
        const string Script = "trap 'stty size' WINCH; until [ \"$(stty size)\" = '41 101' ]; do stty size; sleep 0.2; done; exit 8";
        terminal.Start(["exec", "-it", name, "sh", "-c", Script]);
        await terminal.ReadUntilAsync("31 79");
        terminal.Resize(41, 101);
        Assert.Equal(8, await terminal.EndAsync());
    }

    [Fact]
    public async Task The_terminal_of_an_exec_is_the_one_its_session_belongs_to()
    {
        string name = await StartAsync(Busybox, "sleep", "1000");
        using var terminal = new Terminal(Docker, 30, 90);
        terminal.Start(["exec", "-it", "-u", "app", name, "sh", "-c", "echo here > /dev/tty; tty; exit 5"]);
        Assert.Equal(5, await terminal.EndAsync());
        await terminal.ReadUntilAsync("here");
        await terminal.ReadUntilAsync("/dev/pts/");
    }

    [Fact]
    public async Task The_workload_sees_nothing_of_what_stands_ready_for_the_next_exec()
    {
        string name = await StartAsync(Busybox, "sleep", "1000");
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(["sleep 1000", "ps -o args"], (await ExecAsync(name, "ps", "-o", "args")).Lines.Skip(1));
            await Task.Delay(TimeSpan.FromMilliseconds(500), TestContext.Current.CancellationToken);
        }
    }

    [Theory]
    [InlineData("ulimit -n", "40", "--ulimit", "nofile=40")]
    [InlineData("ulimit -n; ulimit -u", "40\n50", "--ulimit", "nofile=40", "--ulimit", "nproc=50")]
    [InlineData("ulimit -d", "20000", "--ulimit", "data=20480000")]
    public async Task The_containers_limits_hold_for_an_exec(string script, string expected, params string[] flags)
    {
        string name = await StartAsync([.. flags, Busybox, "sleep", "1000"]);
        Assert.Equal(expected, (await ExecAsync(name, "sh", "-c", script)).Text);
        Assert.Equal(expected, (await Docker.RunAsync("exec", "-u", "app", name, "sh", "-c", script)).Text);
    }

    [Fact]
    public async Task A_detached_exec_goes_on_and_so_does_what_outlives_an_attached_one()
    {
        string name = await StartAsync(Busybox, "sleep", "1000");
        (await Docker.RunAsync("exec", "-d", name, "sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; touch /detached")).Succeeded();
        (await ExecAsync(name, "sh", "-c", "(while [ ! -e /go ]; do sleep 0.1; done; touch /outlived) >/dev/null 2>&1 &")).Succeeded();
        (await ExecAsync(name, "touch", "/go")).Succeeded();
        await Eventually.TrueAsync(async () => (await ExecAsync(name, "ls", "/detached", "/outlived")).ExitCode == 0, "both files made");
    }

    [Fact]
    public async Task Twenty_execs_at_once_keep_their_streams_apart()
    {
        string name = await StartAsync(Busybox, "sleep", "1000");
        CommandResult[] results = await Task.WhenAll(Enumerable.Range(1, 20).Select(i =>
            ExecAsync(name, "sh", "-c", $"for j in 1 2 3 4 5; do echo {i}; done; exit {i}")));
        for (int i = 1; i <= 20; i++)
            Assert.Equal(string.Concat(Enumerable.Repeat($"{i}\n", 5)), results[i - 1].Ended(i).Stdout);
    }

    [Fact]
    [Proves("--health-cmd", "--health-interval", "--health-retries")]
    public async Task A_health_check_decides_over_the_containers_health()
    {
        string name = await StartAsync(
            "--health-cmd", "test -e /healthy", "--health-interval", "1s", "--health-retries", "1", Busybox, "sleep", "1000");
        await Eventually.TrueAsync(async () => await HealthAsync(name) == "unhealthy", "unhealthy");
        (await ExecAsync(name, "touch", "/healthy")).Succeeded();
        await Eventually.TrueAsync(async () => await HealthAsync(name) == "healthy", "healthy");
    }

    [Fact]
    public async Task An_exec_into_a_paused_container_is_refused_and_one_after_it_works()
    {
        string name = await StartAsync(Busybox, "sleep", "1000");
        (await Docker.RunAsync("pause", name)).Succeeded();
        (await ExecAsync(name, "true")).Refused("paused");
        (await Docker.RunAsync("unpause", name)).Succeeded();
        (await ExecAsync(name, "true")).Succeeded();
    }

    // A message that is longer than a channel's window travels in turns with what comes on other channels meanwhile.
    [Fact]
    public async Task Arguments_of_any_length_that_runc_takes_are_taken_and_the_machine_outlives_longer_ones()
    {
        string name = await StartAsync(Busybox, "sleep", "1000");
        string container = await StartContainerAsync(NewName(), Busybox, "sleep", "1000");
        (await ExecAsync(name, "sh", "-c", "echo before > /kept")).Succeeded();
        (await ExecAsync(name, ["true", .. Numbers(40_000)])).Succeeded();
        Assert.Equal("100001", (await ExecAsync(name, ["sh", "-c", "echo $#", "x", .. Numbers(100_001)])).Text);
        string[] copy = ["exec", "-i", name, "sh", "-c", "cat; exit 7", "x", .. Numbers(60_000)];
        CommandResult[] atOnce = await Task.WhenAll(Enumerable.Range(1, 6).Select(
            i => Docker.InputAsync(Encoding.UTF8.GetBytes($"{i}\n"), null, copy)));
        for (int i = 1; i <= 6; i++) Assert.Equal($"{i}\n", atOnce[i - 1].Ended(7).Stdout);

        using var folder = new TemporaryFolder();
        foreach ((int lines, int code) in ((int, int)[])[(32, 0), (52, 1)])
        {
            string file = EnvironmentOf(folder, lines);
            CommandResult expected = await Docker.RunAsync("exec", "--env-file", file, container, "env");
            CommandResult result = await Docker.RunAsync("exec", "--env-file", file, name, "env");
            Assert.Equal(code, expected.ExitCode);
            Assert.Equal((expected.Stderr, code), (result.Stderr, result.ExitCode));
            Assert.Equal(Longest(expected), Longest(result));
        }

        Assert.Equal("before", (await ExecAsync(name, "cat", "/kept")).Text);
    }

    private static IEnumerable<string> Numbers(int count)
        => Enumerable.Range(1, count).Select(static i => i.ToString(System.Globalization.CultureInfo.InvariantCulture));

    // The engine takes lines of at most 64 KiB.
    internal static string EnvironmentOf(TemporaryFolder folder, int lines)
    {
        string file = Path.Combine(folder.Path, $"{lines}.env");
        File.WriteAllLines(file, Enumerable.Range(1, lines).Select(static i => $"LONG_{i}={new string('x', 60_000)}"));
        return file;
    }

    private static string[] Longest(CommandResult result)
    {
        IEnumerable<string> lines = result.Stdout.Split('\n');
        lines = lines.Where(static line => line.StartsWith("LONG_", StringComparison.Ordinal));
        return [.. lines.Order(StringComparer.Ordinal)];
    }

    private Task<string> HealthAsync(string name) => Docker.InspectAsync(name, "{{.State.Health.Status}}");

    [Fact]
    public async Task An_exec_whose_output_nobody_reads_does_not_keep_the_machine()
    {
        OnlyMachines();
        string name = await StartAsync("-e", "RUNCVM_LOG_LEVEL=DEBUG", Busybox, "sh", "-c", "until [ -e /end ]; do sleep 1; done; exit 3");
        using System.Diagnostics.Process unread = Docker.Start("exec", name, "yes");
        await unread.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        (await ExecAsync(name, "touch", "/end")).Succeeded();
        // The engine calls the container running until it is rid of the output, as it does with runc; the machine has ended.
        await Eventually.TrueAsync(async () => (await Docker.RunAsync("logs", name)).Stderr.Contains("the hypervisor has ended", StringComparison.Ordinal), "the machine's end");
        unread.Kill();
        await unread.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(3, await WaitAsync(name));
    }
}
