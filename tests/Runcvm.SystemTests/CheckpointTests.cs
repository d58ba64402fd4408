using System.Globalization;

namespace Runcvm.SystemTests;

/// <summary>Containers that go on from the moment at which they were put to disk.</summary>
public class CheckpointTests(DockerEngine engine) : MachineTest(engine)
{
    // A number in its memory, and how far it was.
    private const string Counting = "i=0; while :; do echo $((i=i+1)); sleep 0.2; done";

    private static readonly TimeSpan Patient = TimeSpan.FromMinutes(4);

    public override async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(DockerEngine.RunsMachines && DockerEngine.Hypervisor == "qemu", "QEMU has checkpoints");
        await base.InitializeAsync();
    }

    [Fact]
    [Proves("checkpoint")]
    public async Task A_container_goes_on_from_its_checkpoint_with_memory_and_disk_of_that_moment()
    {
        string name = await StartAsync([.. RootOnDisk, "-m", "160M", Busybox, "sh", "-c", Counting]);
        await LoggedAsync(name, "3\n");
        await ExecAsync(name, "sh", "-c", "echo kept > /file");
        CommandResult made = await Docker.RunAsync("checkpoint", "create", "--leave-running", name, "first");
        Assert.SkipWhen(made.Stderr.Contains("only machines of QEMU without KVM", StringComparison.Ordinal), "KVM");
        made.Succeeded();
        int first = (await CountsAsync(name)).Last();
        await Eventually.TrueAsync(async () => (await CountsAsync(name)).Last() > first, "a machine left running");
        await ExecAsync(name, "sh", "-c", "rm /file; echo late > /late");
        (await Docker.RunAsync("checkpoint", "create", name, "second")).Succeeded();
        Assert.Equal(137, await WaitAsync(name));
        string folder = $"{Engine.DataRoot}/containers/{await Docker.InspectAsync(name, "{{.Id}}")}/checkpoints/";
        Assert.Equal(["400", "400", "400"],
            (await Engine.BesideAsync("sh", "-c", $"stat -c %a {folder}second/*")).Succeeded().Lines);

        int[] before = await CountsAsync(name);
        (await Docker.RunAsync("start", "--checkpoint", "second", name)).Succeeded();
        await Eventually.TrueAsync(
            async () => (await CountsAsync(name)).Length > before.Length + 3, "the count goes on");
        // Nothing of it is lost or told twice.
        int[] all = await CountsAsync(name);
        Assert.Equal(Enumerable.Range(1, all.Length), all);
        Assert.Equal("late", (await ExecAsync(name, "sh", "-c", "cat /late; cat /file")).Stdout.Trim());
        (await Docker.RunAsync("stop", "-t", "1", name)).Succeeded();

        // Back to the first, with what was on the disk then, and from there to disk once more.
        (await Docker.RunAsync("start", "--checkpoint", "first", name)).Succeeded();
        Assert.Equal("kept", (await ExecAsync(name, "sh", "-c", "cat /file; cat /late")).Stdout.Trim());
        (await Docker.RunAsync("checkpoint", "create", name, "third")).Succeeded();
        await WaitAsync(name);
        (await Docker.RunAsync("start", "--checkpoint", "third", name)).Succeeded();
        await ExecAsync(name, "sh", "-c", "echo own > /file; sync");
        (await Docker.RunAsync("stop", "-t", "1", name)).Succeeded();

        // One that is broken is refused, and the container still has its disk.
        (await Engine.BesideAsync("truncate", "-s", "1M", folder + "second/memory")).Succeeded();
        (await Docker.RunAsync("start", "--checkpoint", "second", name)).Refused("memory has 1048576 bytes");
        (await Engine.BesideAsync("truncate", "-s", "-1", folder + "third/disk")).Succeeded();
        (await Docker.RunAsync("start", "--checkpoint", "third", name)).Refused("disk has");
        (await Docker.RunAsync("start", name)).Succeeded();
        Assert.Equal("own", (await ExecAsync(name, "cat", "/file")).Succeeded().Text);
    }

    [Fact]
    public async Task What_has_no_checkpoint_is_refused_with_the_cause_and_goes_on()
    {
        string name = await StartAsync(["-e", "RUNCVM_ROOTFS=share", "-m", "160M", Busybox, "sleep", "1000"]);
        (await Docker.RunAsync("checkpoint", "create", name, "point")).Refused("cannot be checkpointed");
        (await ExecAsync(name, "true")).Succeeded();
    }

    [Fact]
    [Trait("Run", "nightly")]
    public async Task A_Docker_host_goes_on_with_the_container_that_ran_in_it()
    {
        string name = NewName("host");
        await StartNamedAsync(
            name, [.. RootOnDisk, "-m", "640m", await Engine.Images.DockerInDockerAsync(), "dockerd"]);
        await Eventually.TrueAsync(
            async () => (await ExecAsync(name, "docker", "version")).ExitCode == 0, "Docker in it", Patient);
        byte[] inner = await TestImages.InnerImageAsync();
        (await Docker.InputAsync(inner, Patient, "exec", "-i", name, "docker", "import", "-", "inner")).Succeeded();
        (await ExecAsync(name, "docker", "run", "-d", "--name", "counts", "inner", "sh", "-c", Counting)).Succeeded();
        await Eventually.TrueAsync(async () => (await InnerAsync()).Length > 3, "it counts", Patient);
        (await Docker.WithinAsync(Patient, "checkpoint", "create", name, "point")).Succeeded();
        (await Docker.WithinAsync(Patient, "start", "--checkpoint", "point", name)).Succeeded();
        int[] seen = await InnerAsync();
        await Eventually.TrueAsync(async () => (await InnerAsync()).Length > seen.Length + 3, "it counts on", Patient);
        int[] all = await InnerAsync();
        Assert.Equal(Enumerable.Range(1, all.Length), all);

        async Task<int[]> InnerAsync() => Numbers(await ExecAsync(name, "docker", "logs", "counts"));
    }

    private async Task<int[]> CountsAsync(string name) => Numbers(await Docker.RunAsync("logs", name));

    private static int[] Numbers(CommandResult logs)
        => [.. logs.Succeeded().Lines.Select(static line => int.Parse(line, CultureInfo.InvariantCulture))];
}
