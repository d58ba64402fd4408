namespace Runcvm.SystemTests;

public class ExitCodeTests(DockerEngine engine) : MachineTest(engine)
{
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(255)]
    public async Task The_exit_code_of_the_workload_is_the_containers(int code)
        => (await RunAsync(Busybox, "sh", "-c", $"exit {code}")).Ended(code);

    [Fact]
    public async Task A_workload_killed_by_a_signal_exits_with_128_and_its_number()
    {
        // Its own PID namespace shields PID 1 from its signals, so a child takes its place, as in a container.
        string name = await StartAsync(Busybox, "sleep", "1000");
        (await Docker.RunAsync("kill", "--signal", "KILL", name)).Succeeded();
        Assert.Equal(137, await WaitAsync(name));
    }

    [Fact]
    public async Task A_command_that_is_not_found_ends_with_127_and_runcs_wording()
        => (await RunAsync(Busybox, "no-such-command")).Ended(127)
            .Refused("exec: \"no-such-command\": executable file not found in $PATH");

    [Fact]
    public async Task A_command_that_cannot_run_ends_with_126_and_runcs_wording()
        => (await RunAsync(Busybox, "/etc/passwd")).Ended(126).Refused("/etc/passwd", "permission denied");

    [Theory]
    [InlineData("no-such-command", 127)]
    [InlineData("/no/such/command", 127)]
    [InlineData("/etc/passwd", 126)]
    public async Task A_command_that_cannot_run_fails_where_the_engine_starts_it(string command, int code)
    {
        string name = NewName();
        (await Docker.RunAsync(["run", "-d", "--name", name, .. RuntimeArguments, Busybox, command])).Ended(code)
            .Refused($"exec: \"{command}\": ");
        Assert.Equal("created", await Docker.InspectAsync(name, "{{.State.Status}}"));
    }

    [Fact]
    public async Task The_images_PATH_is_searched_and_kept()
    {
        CommandResult result = await RunAsync("-e", "PATH=/opt:/bin", Busybox, "sh", "-c", "echo $PATH");
        Assert.Equal("/opt:/bin", result.Text);
    }

    [Fact]
    public async Task Stop_ends_a_workload_that_heeds_SIGTERM_at_once_with_its_own_code()
    {
        string name = await StartAsync(Busybox, "sh", "-c", "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.1; done");
        await LoggedAsync(name, "ready");
        (await Docker.WithinAsync(TimeSpan.FromSeconds(15), "stop", "--time", "60", name)).Succeeded();
        Assert.Equal(5, await WaitAsync(name));
        await LoggedAsync(name, "bye");
    }

    [Fact]
    [Proves("--stop-signal")]
    public async Task Stop_sends_the_signal_that_the_user_chose()
    {
        string name = await StartAsync("--stop-signal", "USR2", Busybox, "sh", "-c",
            "trap 'exit 6' USR2; echo ready; while :; do sleep 0.1; done");
        await LoggedAsync(name, "ready");
        (await Docker.WithinAsync(TimeSpan.FromSeconds(15), "stop", "--time", "60", name)).Succeeded();
        Assert.Equal(6, await WaitAsync(name));
    }

    [Fact]
    public async Task A_workload_that_ignores_the_signal_is_killed_after_the_stop_timeout()
    {
        string name = await StartAsync(Busybox, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done");
        await LoggedAsync(name, "ready");
        (await Docker.WithinAsync(TimeSpan.FromSeconds(20), "stop", "--time", "1", name)).Succeeded();
        Assert.Equal(137, await WaitAsync(name));
    }

    [Fact]
    public async Task Signals_reach_the_workload_which_goes_on()
    {
        string name = await StartAsync(Busybox, "sh", "-c",
            "trap 'echo one' USR1; trap 'echo two; exit 0' HUP; echo ready; while :; do sleep 0.1; done");
        await LoggedAsync(name, "ready");
        (await Docker.RunAsync("kill", "-s", "USR1", name)).Succeeded();
        await LoggedAsync(name, "one");
        (await Docker.RunAsync("kill", "-s", "HUP", name)).Succeeded();
        Assert.Equal(0, await WaitAsync(name));
    }
}
