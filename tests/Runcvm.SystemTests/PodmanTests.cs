namespace Runcvm.SystemTests;

/// <summary>Podman, with conmon, netavark and its own layout of layers.</summary>
public class PodmanTests(DockerEngine engine) : MachineTest(engine)
{
    private readonly Podman _podman = new(engine);
    private readonly List<string> _containers = [];
    private string _image = "";

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Assert.SkipUnless(File.Exists("/usr/bin/podman"), "podman is not installed: tools/setup.sh engines");
        _image = await _podman.ImageAsync(Busybox);
    }

    public override async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_containers.Count > 0) await _podman.RunAsync(["rm", "--force", "--time", "1", "--volumes", .. _containers]);
        await base.DisposeAsync();
    }

    [Fact]
    public async Task A_container_lives_from_run_to_rm_with_volume_port_exec_logs_stop_and_start()
    {
        string name = New();
        (await CommandAsync("run", "-d", "--name", name, "-p", "18099:80", "-v", $"{name}:/data", "--hostname", "pod", "-e", "COLOUR=blue", _image, "sh", "-c",
            "trap 'echo bye; exit 3' TERM; mkdir /www; echo page >/www/index.html; httpd -p 80 -h /www; hostname; cat /data/count; echo x >>/data/count; echo up; while :; do sleep 0.1; done"))
            .Succeeded();
        await LogsAsync(name, "pod\nup\n");
        Assert.Equal("page", (await Engine.BesideAsync("curl", "-sS", "--max-time", "10", "http://127.0.0.1:18099/")).Text);
        Assert.Equal("blue", (await _podman.RunAsync("exec", name, "sh", "-c", "echo $COLOUR")).Text);
        (await _podman.RunAsync("exec", name, "sh", "-c", "exit 7")).Ended(7);
        Assert.StartsWith("uid=1000(app)", (await _podman.RunAsync("exec", "-u", "app", name, "id")).Text, StringComparison.Ordinal);
        if (DockerEngine.RunsMachines) Assert.NotEqual((await Engine.BesideAsync("uname", "-r")).Text, (await _podman.RunAsync("exec", name, "uname", "-r")).Text);

        (await _podman.RunAsync("stop", "--time", "30", name)).Succeeded();
        Assert.Equal("3 exited", (await _podman.RunAsync("inspect", "--format", "{{.State.ExitCode}} {{.State.Status}}", name)).Text);
        (await _podman.RunAsync("start", name)).Succeeded();
        await LogsAsync(name, "bye\npod\nx\nup\n");
        (await _podman.RunAsync("kill", name)).Succeeded();
        Assert.Equal("137", (await _podman.RunAsync("wait", name)).Text);
        (await _podman.RunAsync("rm", name)).Succeeded();
        Assert.Equal("", (await Engine.BesideAsync("ls", "/run/runcvm")).Text);
        Assert.Equal("", (await Engine.BesideAsync("find", _podman.Storage, "-name", "runcvm-scratch*")).Text);
    }

    [Fact]
    public async Task What_podman_says_of_a_container_and_what_its_exec_may_do_are_not_those_of_the_sandbox()
    {
        string name = New();
        (await CommandAsync("run", "-d", "--name", name, "-v", $"{name}:/data", "-e", "COLOUR=blue", _image, "sleep", "1000")).Succeeded();
        Assert.Contains("COLOUR=blue", (await _podman.RunAsync("inspect", "--format", "{{.Config.Env}}", name)).Text, StringComparison.Ordinal);
        CommandResult caps = await _podman.RunAsync("inspect", "--format", "{{.EffectiveCaps}}", name);
        Assert.DoesNotContain("CAP_NET_ADMIN", caps.Text, StringComparison.Ordinal);
        string own = (await _podman.RunAsync("exec", name, "grep", "Cap[BEP]", "/proc/1/status")).Text;
        Assert.Equal(own, (await _podman.RunAsync("exec", name, "grep", "Cap[BEP]", "/proc/self/status")).Text);
    }

    [Fact]
    public async Task At_a_terminal_the_workload_has_one_and_its_exit_code_comes_back()
        => Assert.Contains("/dev/pts/0", (await _podman.AtTerminalAsync(["run", "--rm", .. _podman.RunArguments, "-it", _image, "sh", "-c", "tty; exit 4"])).Ended(4).Stdout, StringComparison.Ordinal);

    [Fact]
    public async Task A_tmpfs_begins_with_what_the_image_has_there_and_another_user_keeps_a_capability_that_was_added()
    {
        const string Look = "grep -c root /etc/passwd; grep CapEff /proc/self/status";
        CommandResult looked = await CommandAsync("run", "--rm", "--tmpfs", "/etc", "--user", "1000", "--cap-add", "NET_ADMIN", _image, "sh", "-c", Look);
        Assert.Equal(["1", "CapEff:\t0000000000001000"], looked.Lines);
    }

    [Fact]
    public async Task Files_are_copied_into_a_container_before_its_start()
    {
        string name = New();
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "file"), "from outside", TestContext.Current.CancellationToken);
        (await CommandAsync("create", "--name", name, _image, "cat", "/tmp/file")).Succeeded();
        (await _podman.RunAsync("cp", Path.Combine(folder.Path, "file"), $"{name}:/tmp/file")).Succeeded();
        Assert.Equal("from outside", (await _podman.RunAsync("start", "--attach", name)).Text);
    }

    [Fact]
    public async Task Containers_of_a_network_find_each_other_by_name()
    {
        string name = New();
        (await _podman.RunAsync("network", "create", name)).Succeeded();
        (await CommandAsync("run", "-d", "--name", name, "--network", name, _image, "sh", "-c", "mkdir /www; echo page >/www/index.html; httpd -f -p 80 -h /www")).Succeeded();
        CommandResult page = await CommandAsync("run", "--rm", "--network", name, _image, "sh", "-c",
            $"for i in $(seq 100); do wget -q -O - http://{name}/ && exit; sleep 0.2; done; exit 1");
        Assert.Equal("page", page.Text);
    }

    [Fact]
    public async Task With_crun_below_it_runs_executes_and_ends_as_with_runc()
    {
        OnlyMachines();
        // crun makes no containers on hosts with both versions of cgroups.
        CommandResult plain = await _podman.RunAsync("--runtime", "crun", "run", "--rm", "--cgroup-parent", Engine.Cgroup, _image, "true");
        Assert.SkipUnless(plain.ExitCode == 0, $"crun makes no container here: {plain.Stderr.Trim()}");
        const string Crun = "low_level_runtime = \"crun\"";
        string name = New();
        (await _podman.ConfiguredAsync(Crun, ["run", "-d", "--name", name, .. _podman.RunArguments, "-m", "128m", _image, "sh", "-c",
            "trap 'exit 5' TERM; echo up; while :; do sleep 0.1; done"])).Succeeded();
        await LogsAsync(name, "up\n");
        Assert.Equal("in", (await _podman.ConfiguredAsync(Crun, "exec", name, "echo", "in")).Text);
        (await _podman.ConfiguredAsync(Crun, "stop", "--time", "30", name)).Succeeded();
        Assert.Equal("5", (await _podman.RunAsync("inspect", "--format", "{{.State.ExitCode}}", name)).Text);
        (await _podman.ConfiguredAsync(Crun, "rm", name)).Succeeded();
    }

    [Fact]
    public async Task A_build_runs_its_steps_in_containers()
    {
        string folder = Path.Combine(Engine.Folder, "podman-build");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "Containerfile"),
            $"FROM {_image}\nRUN uname -r >/kernel && id -u app >/user\nUSER app\nRUN id -u >/home/app/user\n",
            TestContext.Current.CancellationToken);
        string image = $"podman-built-{Guid.NewGuid():N}";
        (await _podman.RunAsync("build", "--network", "none", "-t", image, folder)).Succeeded();
        string[] lines = (await CommandAsync("run", "--rm", image, "cat", "/kernel", "/user", "/home/app/user")).Lines;
        (await _podman.RunAsync("rmi", image)).Succeeded();
        Assert.Equal(["1000", "1000"], lines[1..]);
        if (DockerEngine.RunsMachines) Assert.NotEqual((await Engine.BesideAsync("uname", "-r")).Text, lines[0]);
    }

    [Fact]
    public async Task Files_and_folders_that_are_masked_are_empty()
    {
        const string Script = "cat /etc/passwd; ls -A /home; ls -A /no/such; echo end";
        CommandResult result = await CommandAsync(
            "run", "--rm", "--security-opt", "mask=/etc/passwd:/home:/no/such", _image, "sh", "-c", Script);
        Assert.Equal("end\n", result.Stdout);
    }

    private Task<CommandResult> CommandAsync(string verb, params string[] arguments) => _podman.RunAsync([verb, .. _podman.RunArguments, .. arguments]);

    private Task LogsAsync(string name, string text) => Eventually.TrueAsync(
        async () => (await _podman.RunAsync("logs", name)).Stdout.EndsWith(text, StringComparison.Ordinal), $"'{text}' at the end of the logs of {name}");

    private string New()
    {
        _containers.Add($"podman{_containers.Count}-{Guid.NewGuid():N}"[..16]);
        return _containers[^1];
    }
}
