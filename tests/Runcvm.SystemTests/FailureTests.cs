namespace Runcvm.SystemTests;

public class FailureTests(DockerEngine engine) : MachineTest(engine)
{
    [Fact]
    public async Task An_unknown_option_is_refused_by_name()
    {
        OnlyMachines();
        (await RunAsync("-e", "RUNCVM_FOO=1", Busybox, "true")).Refused("RUNCVM_FOO");
    }

    [Theory]
    [InlineData("RUNCVM_CPUS", "many")]
    [InlineData("RUNCVM_MEM_SIZE", "lots")]
    [InlineData("RUNCVM_HYPERVISOR", "vmware")]
    [InlineData("RUNCVM_SYSTEMD", "perhaps")]
    [InlineData("RUNCVM_KERNEL", "../../etc/passwd")]
    public async Task A_bad_value_is_refused_with_the_options_name_and_the_value(string option, string value)
    {
        OnlyMachines();
        (await RunAsync("-e", $"{option}={value}", Busybox, "true")).Refused(option, value);
    }

    [Fact]
    public async Task A_supervisor_that_is_killed_leaves_nothing()
    {
        OnlyMachines();
        string before = await TracesAsync();
        string name = await StartAsync(Busybox, "sleep", "1000");
        string supervisor = await Docker.InspectAsync(name, "{{.State.Pid}}");
        (await Engine.BesideAsync("kill", "-KILL", supervisor)).Succeeded();
        Assert.Equal(137, await WaitAsync(name));
        (await Docker.RunAsync("rm", name)).Succeeded();
        await NothingLeftAsync(before);
    }

    [Fact]
    public async Task A_machine_that_dies_ends_the_container_with_a_sentence_in_its_log()
    {
        OnlyMachines();
        string before = await TracesAsync();
        string name = await StartAsync(Busybox, "sh", "-c", "echo started; exec sleep 1000");
        await LoggedAsync(name, "started");
        string supervisor = await Docker.InspectAsync(name, "{{.State.Pid}}");
        (await Engine.BesideAsync("pkill", "-KILL", "-P", supervisor, "(qemu|firecracker)")).Succeeded();
        Assert.NotEqual(0, await WaitAsync(name));
        string log = (await Docker.RunAsync("logs", name)).Stderr;
        Assert.Single(log.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => line.StartsWith("runcvm", StringComparison.Ordinal));
        (await Docker.RunAsync("rm", name)).Succeeded();
        await NothingLeftAsync(before);
    }

    [Fact]
    public async Task Docker_kill_right_after_the_start_leaves_nothing()
    {
        string before = await TracesAsync();
        string name = await StartAsync(Busybox, "sleep", "1000");
        (await Docker.RunAsync("rm", "--force", name)).Succeeded();
        await NothingLeftAsync(before);
    }

    [Fact]
    public async Task A_corrupt_image_in_the_cache_is_built_anew()
    {
        OnlyMachines();
        (await RunAsync([.. RootOnDisk, Busybox, "true"])).Succeeded();
        string[] images = (await Engine.BesideAsync("find", "/var/lib/runcvm/images", "-name", "*.erofs")).Lines;
        Assert.NotEmpty(images);
        foreach (string image in images) (await Engine.BesideAsync("truncate", "-s", "8192", image)).Succeeded();
        Assert.Equal("fine", (await RunAsync([.. RootOnDisk, Busybox, "echo", "fine"])).Text);
    }

    [Fact]
    public async Task Two_first_runs_at_once_build_the_image_once()
    {
        OnlyMachines();
        (await RunAsync([.. RootOnDisk, Busybox, "true"])).Succeeded();
        string image = await NewImageAsync();
        int before = await CachedImagesAsync();
        string[] read = [.. RootOnDisk, image, "cat", "/new"];
        CommandResult[] results = await Task.WhenAll(RunAsync(read), RunAsync(read));
        Assert.All(results, result => Assert.Equal("new", result.Text));
        Assert.Equal(before + 1, await CachedImagesAsync());
    }

    [Fact]
    public async Task What_a_create_that_was_killed_has_left_goes_with_delete()
    {
        OnlyMachines();
        const string Folder = "/run/runcvm/killed-while-created";
        string script = $"mkdir -p {Folder} && echo image >{Folder}/root-image && {DockerEngine.Runtime} delete --force {Path.GetFileName(Folder)}; test ! -e {Folder}";
        (await Engine.BesideAsync("sh", "-c", script)).Succeeded();
    }

    [Fact]
    public async Task Another_machine_of_the_same_id_is_refused_and_the_first_goes_on()
    {
        OnlyMachines();
        string name = await StartAsync(Busybox, "sleep", "1000");
        (await ExecAsync(name, "true")).Succeeded();
        string id = await Docker.InspectAsync(name, "{{.Id}}");
        (await RuntimeAsync("create", "--bundle", "/nowhere", id)).Refused($"a machine with the id {id} runs already");
        Assert.Equal("here", (await ExecAsync(name, "echo", "here")).Text);
    }

    [Fact]
    public async Task A_machine_whose_state_is_lost_is_refused_entry_and_can_be_killed()
    {
        OnlyMachines();
        string name = await StartAsync(Busybox, "sleep", "1000");
        string id = await Docker.InspectAsync(name, "{{.Id}}");
        (await Engine.BesideAsync("sh", "-c", $"rm /run/runcvm/{id}@*/machine.bin")).Succeeded();
        const string Refusal = "is a machine, and its state in /run/runcvm/";
        CommandResult entry = await ExecAsync(name, "uname", "-r");
        Assert.NotEqual(0, entry.ExitCode);
        // Docker's client shows a runtime's error on standard output or standard error, by its version.
        Assert.Contains(Refusal, entry.Stdout + entry.Stderr, StringComparison.Ordinal);
        (await RuntimeAsync("kill", id, "TERM")).Refused($"kill is refused: container {id} {Refusal}");
        Assert.Contains("broken", (await Engine.BesideAsync(DockerEngine.Runtime, "list")).Text,
            StringComparison.Ordinal);
        (await Docker.RunAsync("rm", "--force", name)).Succeeded();
        Assert.Equal("", (await Engine.BesideAsync("ls", "/run/runcvm")).Text);
    }

    [Fact]
    public async Task A_machine_that_the_low_level_runtime_has_forgotten_ends_with_delete()
    {
        OnlyMachines();
        string name = await StartAsync(Busybox, "sleep", "1000");
        string id = await Docker.InspectAsync(name, "{{.Id}}");
        (await Engine.BesideAsync("rm", "-r", $"{Engine.RuntimeRoot}/{id}")).Succeeded();
        (await RuntimeAsync("delete", "--force", id)).Succeeded();
        Assert.Equal("", (await Engine.BesideAsync("ls", "/run/runcvm")).Text);
        await Eventually.TrueAsync(async () => await Docker.InspectAsync(name, "{{.State.Status}}") == "exited",
            "Docker sees the end");
    }

    // As Docker calls it.
    private Task<CommandResult> RuntimeAsync(params string[] arguments)
        => Engine.BesideAsync([DockerEngine.Runtime, "--root", Engine.RuntimeRoot, .. arguments]);

    [Theory]
    [InlineData(6)]
    [InlineData(20, Traits = ["Run", "nightly"])]
    public async Task Machines_that_start_at_once_all_succeed_and_leave_nothing(int count)
    {
        // The double emulates; a guest whose kernel took a busy host for a slow timer resets itself, and a reset is the end of Firecracker.
        Assert.SkipWhen(count > 6 && DockerEngine.RunsDouble, "so many emulated machines at once need the resets that Firecracker does not have");
        (await RunAsync(Busybox, "true")).Succeeded();
        string before = await TracesAsync();
        CommandResult[] results = await Task.WhenAll(Enumerable.Range(0, count).Select(i => Docker.WithinAsync(
            TimeSpan.FromMinutes(4), ["run", "--rm", .. RuntimeArguments, "-m", "256m", Busybox, "echo", $"machine {i}"])));
        for (int i = 0; i < results.Length; i++) Assert.Equal($"machine {i}", results[i].Text);
        await NothingLeftAsync(before);
    }

    private async Task<int> CachedImagesAsync()
        => (await Engine.BesideAsync("find", "/var/lib/runcvm/images", "-name", "*.erofs")).Lines.Length;

    private async Task<string> NewImageAsync()
    {
        const string Image = "runcvm-test/new";
        byte[] dockerfile = System.Text.Encoding.UTF8.GetBytes($"FROM {Busybox}\nRUN echo new > /new\n");
        (await Docker.InputAsync(dockerfile, null, "build", "-q", "--no-cache", "-t", Image, "-")).Succeeded();
        return Image;
    }
}
