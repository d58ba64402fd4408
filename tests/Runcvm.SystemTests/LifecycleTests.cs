namespace Runcvm.SystemTests;

/// <summary>Docker's commands over the life of a container: what they print and how they end is the same with runc and
/// with RunCVM.</summary>
public partial class LifecycleTests(DockerEngine engine) : MachineTest(engine)
{
    // $N is the container. `begin` starts it and waits for the workload; `ended` waits for its end.
    private const string Words = """
        begin() { docker run -d --name $N $RUNTIME "$@" >/dev/null && up; }
        up() { until docker logs $N 2>/dev/null | grep -q up; do sleep 0.1; done; }
        up2() { until [ "$(docker logs $N 2>/dev/null | grep -c up)" = 2 ]; do sleep 0.1; done; }
        state() { docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.RestartCount}}' $N; }
        ended() { until [ "$(docker inspect -f '{{.State.Status}}' $N)" = exited ]; do sleep 0.1; done; state; }
        send() { docker kill -s $1 $N >/dev/null; }
        is() { until docker exec $N grep State /proc/1/status | grep -w $1; do sleep 0.1; done; }
        said() { until docker logs $N 2>&1 | grep -qx "$1"; do sleep 0.1; done; }
        exec 2>&1

        """;

    private const string Sleep = "sh -c 'echo up; exec sleep 1000'";
    private const string Patient = "sh -c 'trap \"echo no\" TERM; echo up; while :; do sleep 0.1; done'";

    private const string Stop = "docker stop -t 60 $N >/dev/null";

    // Signals that a process of .NET cannot take, or has for something else.
    private const string Caught =
        "sh -c 'trap \"exit 9\" WINCH; trap \"exit 8\" ABRT; echo up; while :; do sleep 0.1; done'";

    [Theory]
    [InlineData("create start attach wait", "docker create --name $N $RUNTIME $IMAGE sh -c 'echo out; echo err >&2; exit 3' >/dev/null; state; docker start -a $N | sort; state; docker wait $N; docker start $N; docker wait $N; docker logs $N | sort")]
    [InlineData("stop start", $"begin $IMAGE sh -c 'echo x >>/kept; echo up $(wc -l </kept); exec sleep 1000'; docker stop -t 0 $N >/dev/null; state; docker start $N >/dev/null; said 'up 2'; state")]
    [InlineData("restart", $"begin $IMAGE sh -c 'echo x >>/kept; echo up $(wc -l </kept); exec sleep 1000'; docker restart -t 0 $N >/dev/null; said 'up 2'; state")]
    [InlineData("kill", $"begin $IMAGE {Patient}; docker kill -s TERM $N >/dev/null; said no; state; docker kill $N >/dev/null; ended; docker kill $N; echo $?")]
    [InlineData("stop-timeout", $"begin --stop-timeout 1 $IMAGE {Patient}; docker stop $N >/dev/null; state; docker logs $N")]
    [InlineData("stop-signal", "begin --stop-signal HUP $IMAGE sh -c 'trap \"exit 9\" HUP; echo up; while :; do sleep 0.1; done'; docker stop -t 60 $N >/dev/null; state")]
    [InlineData("stop-signal WINCH", $"begin --stop-signal WINCH $IMAGE {Caught}; {Stop}; state")]
    [InlineData("stop-signal ABRT", $"begin --stop-signal ABRT $IMAGE {Caught}; {Stop}; state")]
    [InlineData("kill -s STOP", $"begin $IMAGE {Sleep}; send STOP; is T; send CONT; is S")]
    [InlineData("pause unpause", $"begin $IMAGE {Sleep}; docker pause $N >/dev/null; state; docker pause $N; docker unpause $N >/dev/null; state; docker exec $N echo alive; docker unpause $N")]
    [InlineData("a paused one is killed", $"begin $IMAGE {Sleep}; docker pause $N >/dev/null; docker kill $N; docker unpause $N >/dev/null; docker kill $N >/dev/null; ended")]
    [InlineData("logs", "begin $IMAGE sh -c 'for i in 1 2 3; do echo line $i; done; echo up; sleep 0.5; echo last'; docker logs --tail 1 -f $N; docker logs --tail 2 $N; docker logs --since 1h $N | wc -l")]
    [InlineData("rename", $"begin $IMAGE {Sleep}; docker rename $N $N-new; docker exec $N-new echo here; docker inspect -f '{{{{.Name}}}}' $N-new; docker rename $N-new $N; state")]
    [InlineData("rm", $"begin $IMAGE {Sleep}; docker rm $N; docker rm -f $N; docker inspect $N | tail -1")]
    [InlineData("run --rm", "docker run --rm --name $N $RUNTIME $IMAGE sh -c 'exit 4'; echo $?; until ! docker inspect $N >/dev/null 2>&1; do sleep 0.1; done")]
    [InlineData("restart on-failure", "docker run -d --name $N $RUNTIME --restart on-failure:2 $IMAGE sh -c 'echo up; exit 3' >/dev/null; until [ \"$(docker inspect -f '{{.RestartCount}} {{.State.Status}}' $N)\" = '2 exited' ]; do sleep 0.1; done; state; docker logs $N")]
    [InlineData("restart on-failure without failure", "docker run -d --name $N $RUNTIME --restart on-failure:2 $IMAGE sh -c 'echo up' >/dev/null; ended")]
    [InlineData("restart always", "begin --restart always $IMAGE sh -c 'echo up; [ -e /second ] && exec sleep 1000; touch /second'; until [ \"$(docker inspect -f '{{.RestartCount}} {{.State.Status}}' $N)\" = '1 running' ]; do sleep 0.1; done; up2; docker stop -t 0 $N >/dev/null; state; docker update --restart no $N >/dev/null")]
    [InlineData("cp before the start and after the end", "docker create --name $N $RUNTIME $IMAGE sh -c 'cat /given; echo up' >/dev/null; echo given | docker run --rm -i $IMAGE sh -c 'cat >/tmp/given; tar -C /tmp -c given' | docker cp - $N:/; docker start -a $N; docker cp $N:/given - | tar -xO; docker cp $N:/nonesuch -")]
    [InlineData("diff commit export of what docker cp brought", "docker create --name $N $RUNTIME $IMAGE cat /given >/dev/null; echo given | docker run --rm -i $IMAGE sh -c 'cat >/tmp/given; tar -C /tmp -c given' | docker cp - $N:/; docker diff $N; docker export $N | tar -t | grep -x given; docker commit $N $N-image >/dev/null; docker run --rm $RUNTIME $N-image cat /given; docker rmi $N-image >/dev/null")]
    [InlineData("exec", $"begin $IMAGE {Sleep}; docker exec $N sh -c 'exit 6'; echo $?; docker exec -d $N touch /made; until docker exec $N test -e /made; do sleep 0.1; done; echo in | docker exec -i $N cat; docker exec -w /tmp -e A=b -u 1000 $N sh -c 'pwd; echo $A; id -u'; docker exec nonesuch true; echo $?")]
    [InlineData("init reaps", "begin --init $IMAGE sh -c '(sleep 0.1 &); sleep 0.5; echo up; exec sleep 1000'; docker exec $N ps -o stat,comm | grep -c '^Z'; docker stop $N >/dev/null; state")]
    [InlineData("events", $"T=$(date +%s); begin $IMAGE {Sleep}; docker exec $N true; docker pause $N >/dev/null; docker unpause $N >/dev/null; docker rename $N $N-b; docker rename $N-b $N; docker update --cpu-shares 512 $N >/dev/null; docker restart -t 0 $N >/dev/null; docker stop -t 0 $N >/dev/null; I=$(docker inspect -f '{{{{.Id}}}}' $N); docker rm $N >/dev/null; docker events --since $T --until $(($(date +%s) + 1)) --filter container=$I --format '{{{{.Status}}}}' | grep -v '^exec_create\\|^exec_start'")]
    [Proves("create", "start", "stop", "restart", "kill", "pause", "unpause", "wait", "attach", "logs", "events", "inspect", "rename", "rm", "cp", "diff", "commit",
        "export", "exec", "--rm", "--restart", "--stop-timeout", "--stop-signal", "--init", "--name", "--detach", "--interactive")]
    public async Task A_command_does_what_it_does_with_runc(string about, string script)
    {
        Assert.NotEmpty(about);
        string expected = await PlayAsync("", script);
        Assert.Equal(expected, await PlayAsync(string.Join(' ', RuntimeArguments), script));
    }

    [Fact]
    public async Task A_stop_while_the_machine_boots_is_not_lost()
    {
        OnlyMachines();
        string name = await StartAsync(Busybox, "sh", "-c", "trap 'exit 143' TERM; while :; do sleep 0.1; done");
        (await Docker.RunAsync("stop", "-t", "60", name)).Succeeded();
        // Of its kernel or of its program, as far as it had come; a lost one is followed by SIGKILL and 137.
        Assert.Equal("143", await Docker.InspectAsync(name, "{{.State.ExitCode}}"));
    }

    [Fact]
    public async Task A_stop_while_the_program_starts_waits_for_its_handler()
    {
        OnlyMachines();
        string name = await StartAsync(
            Busybox, "sh", "-c", "echo up; sleep 2; trap 'exit 3' TERM; while :; do sleep 0.1; done");
        await LoggedAsync(name, "up");
        (await Docker.RunAsync("stop", "-t", "60", name)).Succeeded();
        Assert.Equal("3", await Docker.InspectAsync(name, "{{.State.ExitCode}}"));
    }

    [Fact]
    [Proves("attach", "--interactive")]
    public async Task Two_attached_clients_see_the_same_and_both_may_write()
    {
        string name = await StartAsync("-i", Busybox, "sh", "-c", "echo up; while read -r line; do echo got $line; [ $line = end ] && exit 6; done");
        await LoggedAsync(name, "up");
        using var first = Docker.Start("attach", name);
        using var second = Docker.Start("attach", name);
        // Attached, once they get what the other one wrote.
        await Eventually.TrueAsync(async () =>
        {
            await first.StandardInput.WriteLineAsync("one");
            await second.StandardInput.WriteLineAsync("two");
            return (await Docker.RunAsync("logs", name)).Stdout is { } log && log.Contains("got one", StringComparison.Ordinal) && log.Contains("got two", StringComparison.Ordinal);
        }, "both heard");
        await first.StandardInput.WriteLineAsync("end");
        foreach (var client in (System.Diagnostics.Process[])[first, second])
        {
            while (await client.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience.Times(TimeSpan.FromSeconds(20)), TestContext.Current.CancellationToken) != "got end")
            {
            }
        }

        Assert.Equal(6, await WaitAsync(name));
    }

    [Fact]
    [Proves("attach", "--detach-keys", "--tty")]
    public async Task Detach_keys_leave_the_workload_running_with_its_terminal()
    {
        string name = NewName();
        using (var terminal = new Terminal(Docker, 30, 90))
        {
            terminal.Start(["run", "-it", "--name", name, "--detach-keys", "ctrl-x,q", .. RuntimeArguments, Busybox, "sh", "-c", "echo up; read a; echo got $a; sleep 1000"]);
            await terminal.ReadUntilAsync("up");
            terminal.Write("\u0018q"u8);
            Assert.Equal(0, await terminal.EndAsync());
        }

        using var again = new Terminal(Docker, 30, 90);
        again.Start(["attach", "--detach-keys", "ctrl-x,q", name]);
        again.Write("word\r"u8);
        await again.ReadUntilAsync("got word");
        again.Write("\u0018q"u8);
        // Docker's own client has the code 1 for that.
        Assert.Equal(1, await again.EndAsync());
        Assert.Equal("running", await Docker.InspectAsync(name, "{{.State.Status}}"));
    }

    [Fact]
    public async Task Machines_live_on_while_dockerd_is_restarted_under_live_restore()
    {
        await Engine.ConfigureAsync("""{"live-restore": true}""");
        try
        {
            await Eventually.TrueAsync(async () => (await Docker.RunAsync("info", "--format", "{{.LiveRestoreEnabled}}")).Text == "true", "live-restore");
            string name = await StartAsync(Busybox, "sh", "-c", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.1; [ -e /go ] && echo went && rm /go; done");
            await LoggedAsync(name, "up");
            string boot = (await ExecAsync(name, "cat", "/proc/sys/kernel/random/boot_id")).Text;
            await Engine.CrashAsync();
            Assert.Equal("running", await Docker.InspectAsync(name, "{{.State.Status}}"));
            Assert.Equal(boot, (await ExecAsync(name, "cat", "/proc/sys/kernel/random/boot_id")).Text);
            (await ExecAsync(name, "touch", "/go")).Succeeded();
            await LoggedAsync(name, "went");
            (await Docker.RunAsync("stop", "--time", "60", name)).Succeeded();
            Assert.Equal(7, await WaitAsync(name));
            await LoggedAsync(name, "bye");
        }
        finally
        {
            await Engine.ConfigureAsync("""{"live-restore": false}""");
        }
    }

    [Fact]
    [Proves("--restart")]
    public async Task Restart_policies_hold_over_a_restart_of_dockerd()
    {
        string always = await StartAsync("--restart", "always", Busybox, "sleep", "1000");
        string stopped = await StartAsync("--restart", "unless-stopped", Busybox, "sleep", "1000");
        (await Docker.RunAsync("stop", "--time", "0", stopped)).Succeeded();
        await Engine.CrashAsync();
        await Eventually.TrueAsync(async () => (await ExecAsync(always, "true")).ExitCode == 0, "the machine is there again");
        Assert.Equal("exited", await Docker.InspectAsync(stopped, "{{.State.Status}}"));
    }

    [Fact]
    [Proves("top", "update")]
    public async Task What_cannot_work_on_a_machine_is_refused_with_a_sentence()
    {
        OnlyMachines();
        string name = await StartAsync(Busybox, "sleep", "1000");
        (await Docker.RunAsync("update", "-m", "32m", "--memory-swap", "64m", name)).Refused("64M");
        // The processes around the machine, of which the engine counts the process ids.
        Assert.Contains("supervise", (await Docker.RunAsync("top", name)).Text, StringComparison.Ordinal);
    }

    private async Task<string> PlayAsync(string runtime, string script)
    {
        string name = NewName();
        CommandResult result = await Command.RunAsync("env",
            [.. Docker.Environment, $"N={name}", $"RUNTIME={runtime}", $"IMAGE={Busybox}", "bash", "-c", Words + script]);
        await Docker.RunAsync("rm", "--force", "--volumes", name);
        // Names and ids are each run's own.
        return Id().Replace((result.Stdout + result.Stderr).Replace(name, "NAME", StringComparison.Ordinal), "ID");
    }

    [System.Text.RegularExpressions.GeneratedRegex("[0-9a-f]{64}")]
    private static partial System.Text.RegularExpressions.Regex Id();
}
