namespace Runcvm.SystemTests;

/// <summary>containerd without an engine above it, and its own snapshotter's layout.</summary>
public class ContainerdTests(DockerEngine engine) : MachineTest(engine)
{
    private string _image = "";

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        string archive = Path.Combine(Engine.Folder, "containerd-image.tar");
        (await Docker.RunAsync("save", "-o", archive, Busybox)).Succeeded();
        (await CtrAsync("images", "import", archive)).Succeeded();
        File.Delete(archive);
        _image = $"docker.io/{Busybox}:latest";
    }

    [Fact]
    public async Task Ctr_runs_a_machine_to_its_end_and_gives_its_exit_code()
    {
        CommandResult result = await CtrAsync(["run", "--rm", .. Arguments("end"), _image, "end", "sh", "-c", "uname -r; echo error >&2; exit 5"]);
        result.Ended(5);
        Assert.Equal("error", result.Stderr.Trim());
        if (DockerEngine.RunsMachines) Assert.NotEqual((await Engine.BesideAsync("uname", "-r")).Text, result.Stdout.Trim());
    }

    [Fact]
    public async Task Two_machines_of_one_snapshot_share_a_root_image_and_leave_nothing()
    {
        OnlyMachines();
        string images = Path.Combine(Engine.Folder, "state/images");
        (await CtrAsync(["run", "--rm", .. Arguments("first"), "--env", "RUNCVM_ROOTFS=block", _image, "first", "touch", "/mine"])).Succeeded();
        string[] before = Directory.GetFiles(images, "*.erofs");
        (await CtrAsync(["run", "--rm", .. Arguments("second"), "--env", "RUNCVM_ROOTFS=block", _image, "second", "test", "!", "-e", "/mine"])).Succeeded();
        Assert.Equal(before, Directory.GetFiles(images, "*.erofs"));
        Assert.Equal("", (await Engine.BesideAsync("ls", "/run/runcvm")).Text);
        // containerd removes snapshots in its own time.
        await Eventually.TrueAsync(async () =>
        {
            // A folder that goes while it is searched makes the search fail, and then it is made again.
            CommandResult left = await Engine.BesideAsync("find", Engine.DataRoot + "/containerd", "-name", "runcvm-scratch*");
            return left is { ExitCode: 0, Output.Length: 0 };
        }, "scratch disks are gone");
    }

    [Fact]
    public async Task Ctr_enters_a_machine_and_ends_it()
    {
        (await CtrAsync(["run", "--detach", .. Arguments("entered"), _image, "entered", "sh", "-c", "trap 'exit 6' TERM; while :; do sleep 0.1; done"])).Succeeded();
        CommandResult inside = await CtrAsync("tasks", "exec", "--exec-id", "one", "entered", "sh", "-c", "echo inside; exit 4");
        inside.Ended(4);
        Assert.Equal("inside", inside.Stdout.Trim());
        (await CtrAsync("tasks", "kill", "--signal", "SIGTERM", "entered")).Succeeded();
        await Eventually.TrueAsync(async () => (await CtrAsync("tasks", "list")).Text.Contains("STOPPED",
            StringComparison.Ordinal), "the task has stopped");
        Assert.Contains("code 6", (await CtrAsync("tasks", "delete", "entered")).Stderr, StringComparison.Ordinal);
        (await CtrAsync("containers", "delete", "entered")).Succeeded();
    }

    [Fact]
    public async Task A_container_of_the_same_id_in_another_namespace_is_another_machine()
    {
        OnlyMachines();
        string[] workload = ["sh", "-c", "while :; do sleep 0.1; done"];
        (await CtrAsync(["run", "--detach", .. Arguments("same"), _image, "same", .. workload])).Succeeded();
        string archive = Path.Combine(Engine.Folder, "other-image.tar");
        (await Docker.RunAsync("save", "-o", archive, Busybox)).Succeeded();
        (await CtrAsync("--namespace", "other", "images", "import", archive)).Succeeded();
        File.Delete(archive);
        (await CtrAsync(
            ["--namespace", "other", "run", "--rm", .. Arguments("other"), _image, "same", "true"])).Succeeded();
        (await CtrAsync("--namespace", "other", "images", "rm", _image)).Succeeded();
        string kernel = (await Engine.BesideAsync("uname", "-r")).Text;
        CommandResult inside = await CtrAsync("tasks", "exec", "--exec-id", "one", "same", "uname", "-r");
        Assert.NotEqual(kernel, inside.Succeeded().Text);
        (await CtrAsync("tasks", "kill", "--signal", "SIGKILL", "same")).Succeeded();
        await Eventually.TrueAsync(async () => (await CtrAsync("tasks", "list")).Text.Contains("STOPPED",
            StringComparison.Ordinal), "the task has stopped");
        // Its code is that of the kill.
        await CtrAsync("tasks", "delete", "same");
        (await CtrAsync("containers", "delete", "same")).Succeeded();
        Assert.Equal("", (await Engine.BesideAsync("ls", "/run/runcvm")).Text);
    }

    private string[] Arguments(string name) =>
    [
        "--runc-binary", DockerEngine.Runtime, "--cgroup", $"{Engine.Cgroup}/{name}",
        .. DockerEngine.RunsMachines ? ["--env", $"RUNCVM_HYPERVISOR={DockerEngine.Hypervisor}"] : (string[])[],
    ];

    private Task<CommandResult> CtrAsync(params string[] arguments)
        => Engine.BesideAsync(["ctr", "--address", Path.Combine(Engine.Folder, "containerd.sock"), .. arguments]);
}
