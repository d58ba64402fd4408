using System.Diagnostics;

namespace Runcvm.SystemTests;

/// <summary>Every part is killed at every stage of a machine's life: the container's state, code and log say what happened,
/// nothing is left, and the next start is as good as the first.</summary>
public class CrashTests(DockerEngine engine) : MachineTest(engine)
{
    private const string Create = "runcvm create";
    private const string Hypervisor = "hypervisor";
    private const string Supervisor = "supervisor";
    private const string FileServer = "file server";
    private const string Broker = "broker";
    private const string GuestInit = "guest init";
    private const string GuestKernel = "guest kernel";
    private const string Dockerd = "dockerd";
    private const string Shim = "containerd-shim";

    // Notes its stop signal, and does not heed it.
    private const string Workload = "trap 'echo stopping' TERM; echo up; while :; do sleep 0.1; done";

    // Holds `create` up where it looks for its image.
    private Process? _creation;
    private string _id = "";
    private string _supervisor = "";

    [Theory]
    [InlineData(Create, Stage.Creating, null, "")]
    [InlineData(Shim, Stage.Creating, null, "")]
    [InlineData(Dockerd, Stage.Creating, null, "")]
    [InlineData(Hypervisor, Stage.Booting, 125, "was killed by signal 9 before the workload had ended")]
    [InlineData(Hypervisor, Stage.Running, 125, "was killed by signal 9 before the workload had ended")]
    [InlineData(Hypervisor, Stage.Execing, 125, "was killed by signal 9 before the workload had ended")]
    [InlineData(Hypervisor, Stage.Stopping, 125, "was killed by signal 9 before the workload had ended")]
    [InlineData(Supervisor, Stage.Booting, 137, "")]
    [InlineData(Supervisor, Stage.Running, 137, "")]
    [InlineData(Supervisor, Stage.Execing, 137, "")]
    [InlineData(Supervisor, Stage.Stopping, 137, "")]
    [InlineData(FileServer, Stage.Booting, 125, "the file server was killed by signal 9")]
    [InlineData(FileServer, Stage.Running, 125, "the file server was killed by signal 9")]
    [InlineData(Broker, Stage.Running, 125, "the broker was killed by signal 9")]
    [InlineData(GuestInit, Stage.Running, 125, "Attempted to kill init")]
    [InlineData(GuestInit, Stage.Execing, 125, "Attempted to kill init")]
    [InlineData(GuestInit, Stage.Stopping, 125, "Attempted to kill init")]
    [InlineData(GuestKernel, Stage.Running, 125, "sysrq triggered crash")]
    [InlineData(GuestKernel, Stage.Execing, 125, "sysrq triggered crash")]
    [InlineData(GuestKernel, Stage.Stopping, 125, "sysrq triggered crash")]
    [InlineData(Dockerd, Stage.Booting, 137, "")]
    [InlineData(Dockerd, Stage.Running, 137, "")]
    [InlineData(Dockerd, Stage.Execing, 137, "")]
    [InlineData(Dockerd, Stage.Stopping, 137, "")]
    [InlineData(Shim, Stage.Booting, 137, "")]
    [InlineData(Shim, Stage.Running, 137, "")]
    [InlineData(Shim, Stage.Execing, 137, "")]
    [InlineData(Shim, Stage.Stopping, 137, "")]
    public async Task A_crash_is_told_leaves_nothing_and_the_next_start_works(string victim, Stage stage, int? code, string words)
    {
        OnlyMachines();
        // What a killed engine leaves of its own half-made task (containerd 1.6: "file exists") may fail the next start under any runtime.
        Assert.SkipUnless(
            victim is not (Dockerd or Shim) || DockerEngine.RunsLarge, "the engine's own crashes: RUNCVM_TEST_LARGE=1");
        string before = await TracesAsync();
        string name = NewName();
        using Process command = await ReachAsync(stage, name);
        await KillAsync(victim, stage, name);
        // An exec whose shim is gone is waited for by Docker for ever, also with runc.
        if (victim == Shim && stage == Stage.Execing) command.Kill();
        await command.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience.Times(TimeSpan.FromSeconds(60)), TestContext.Current.CancellationToken);
        if (code is { } expected)
        {
            await Eventually.TrueAsync(async () => await Docker.InspectAsync(name, "{{.State.Status}}") == "exited", "exited");
            string log = (await Docker.RunAsync("logs", name)).Stderr;
            string ended = await Docker.InspectAsync(name, "{{.State.ExitCode}}");
            Assert.True(ended == expected.ToString(System.Globalization.CultureInfo.InvariantCulture), $"the code is {ended} and not {expected}:\n{log}");
            Assert.Contains(words, log, StringComparison.Ordinal);
            // One sentence, and below it what hypervisor or kernel said last.
            Assert.Equal(words.Length > 0 ? 1 : 0, log.Split('\n').Count(static line => line.StartsWith("runcvm", StringComparison.Ordinal)));
        }
        else
        {
            Assert.NotEqual(0, command.ExitCode);
            await Eventually.TrueAsync(async () => await Docker.InspectAsync(name, "{{.State.Status}}") is "created" or "exited", "created or exited");
        }

        (await Docker.RunAsync("start", name)).Succeeded();
        await Eventually.TrueAsync(async () => (await ExecAsync(name, "sh", "-c", "tr '\\0' ' ' </proc/1/cmdline")).Stdout.Contains("echo up", StringComparison.Ordinal), "running again");
        (await Docker.RunAsync("rm", "--force", name)).Succeeded();
        await NothingLeftAsync(before);
    }

    [Fact]
    public async Task A_kernel_that_panics_at_boot_is_told_with_its_last_words()
    {
        OnlyMachines();
        string before = await TracesAsync();
        string name = await StartAsync("-e", "RUNCVM_KERNEL_ARGS=rdinit=/nonesuch", Busybox, "true");
        Assert.Equal(125, await WaitAsync(name));
        string log = (await Docker.RunAsync("logs", name)).Stderr;
        Assert.Contains("kernel panicked (VFS: Unable to mount root fs", log, StringComparison.Ordinal);
        (await Docker.RunAsync("rm", name)).Succeeded();
        await NothingLeftAsync(before);
    }

    // What a host that is far too busy does to an emulated kernel now and then.
    [Fact]
    public async Task A_kernel_that_takes_its_timer_for_much_faster_than_it_is_is_told()
    {
        OnlyMachines();
        Assert.SkipWhen(DockerEngine.IsArm64 || DockerEngine.Acceleration == "kvm", "this machine's kernel is told how fast its timer is");
        string[] told = (await RunAsync(Busybox, "cat", "/proc/cmdline")).Text.Split(' ');
        // A kernel made for emulated machines is told. Others measure it by a clock: if they believe that one to be twice as fast, it takes twice as long, or half.
        string parameter = told.FirstOrDefault(static word => word.StartsWith("lapic_timer_khz=", StringComparison.Ordinal))
            ?? told.Single(static word => word.StartsWith("tsc_early_khz=", StringComparison.Ordinal));
        string[] parts = parameter.Split('=');
        long twice = 2 * long.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
        CommandResult result = await RunAsync("-e", $"RUNCVM_KERNEL_ARGS={parts[0]}={twice}", Busybox, "true");
        Assert.Contains(" times as fast as it is: the host was too busy", result.Ended(125).Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_kernel_without_a_timer_is_told_instead_of_standing_still()
    {
        OnlyMachines();
        CommandResult result = await RunAsync("-e", "RUNCVM_KERNEL_ARGS=noapictimer", "-e", "RUNCVM_LOG_LEVEL=INFO", Busybox, "true");
        Assert.Contains("the kernel turned its timer off: the host was too busy", result.Ended(125).Stderr, StringComparison.Ordinal);
        // Another boot is luckier, usually.
        int boots = DockerEngine.Hypervisor == "firecracker" ? 1 : 6;
        Assert.Equal(boots, 1 + result.Stderr.Split('\n').Count(static line => line.StartsWith("runcvm: the guest was reset while it booted", StringComparison.Ordinal)));
    }

    /// <summary>Where in its life a machine is.</summary>
    public enum Stage
    {
        /// <summary>`runcvm create` is at work</summary>
        Creating,
        /// <summary>the hypervisor runs, and no workload yet</summary>
        Booting,
        /// <summary>the workload runs</summary>
        Running,
        /// <summary>and a second program</summary>
        Execing,
        /// <summary>the workload has had its signal and goes on</summary>
        Stopping,
    }

    // The command that brought it there. It ends with the crash, or before.
    private async Task<Process> ReachAsync(Stage stage, string name)
    {
        // `create` is held up where it looks for an image of the root.
        string[] root = stage == Stage.Creating ? RootOnDisk : [];
        _id = (await Docker.RunAsync(["create", "--name", name, "--stop-timeout", "1", .. RuntimeArguments, .. root, Busybox, "sh", "-c", Workload])).Text;
        if (stage == Stage.Creating) return await ReachCreationAsync(name);
        Process start = Docker.Start("start", name);
        await start.WaitForExitAsync();
        _supervisor = await Docker.InspectAsync(name, "{{.State.Pid}}");
        if (stage == Stage.Booting)
        {
            // Held where it is: nobody knows how fast it boots.
            await Eventually.TrueAsync(async () => (await SignalHypervisorAsync("STOP")).ExitCode == 0, "the hypervisor runs");
            Assert.Equal("", (await Docker.RunAsync("logs", name)).Stdout);
            return start;
        }

        await LoggedAsync(name, "up");
        if (stage == Stage.Execing)
        {
            Process exec = Docker.Start("exec", name, "sh", "-c", "echo in; while :; do sleep 0.1; done");
            Assert.Equal("in", await exec.StandardOutput.ReadLineAsync());
            return exec;
        }

        if (stage != Stage.Stopping) return start;
        Process stop = Docker.Start("stop", "--time", "120", name);
        await LoggedAsync(name, "stopping");
        return stop;
    }

    private async Task<Process> ReachCreationAsync(string name)
    {
        // Makes the image, for which it would not wait here.
        (await RunAsync([.. RootOnDisk, Busybox, "true"])).Succeeded();
        // What removes images holds this lock, and `create` waits for it.
        _creation = Command.Start("nsenter",
            ["--target", Engine.ProcessId, "--mount", "--", "flock", "-x", "/var/lib/runcvm/images/.starts", "sh", "-c", "echo held; cat"]);
        Assert.Equal("held", await _creation.StandardOutput.ReadLineAsync());
        Process start = Docker.Start("start", name);
        await Eventually.TrueAsync(async () => (await CreatorAsync()).Length > 0, "runcvm create at work");
        return start;
    }

    private async Task KillAsync(string victim, Stage stage, string name)
    {
        switch (victim)
        {
            case Create:
                await KillAsync(await CreatorAsync());
                break;
            case Hypervisor:
                (await SignalHypervisorAsync("KILL")).Succeeded();
                break;
            case Supervisor:
                await KillAsync(_supervisor);
                break;
            case FileServer:
                (await Engine.BesideAsync("pkill", "-KILL", "-f", "-P", _supervisor, "serve-shares")).Succeeded();
                break;
            case Broker:
                (await Engine.BesideAsync("pkill", "-KILL", "-f", "-P", _supervisor, "broker")).Succeeded();
                break;
            case GuestKernel:
                await ExecAsync(name, "sh", "-c", "echo c > /proc/sysrq-trigger");
                break;
            case GuestInit:
                await ExecAsync(name, "sh", "-c", CrashInit);
                break;
            case Dockerd:
                await Engine.CrashAsync();
                break;
            case Shim:
                await KillAsync((await Engine.BesideAsync("pgrep", "-f", $"containerd-shim.*{_id}")).Text);
                break;
        }

        if (stage == Stage.Booting && victim != Hypervisor) await SignalHypervisorAsync("CONT");
        EndCreation();
    }

    public override ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        EndCreation();
        return base.DisposeAsync();
    }

    private void EndCreation()
    {
        _creation?.StandardInput.Close();
        _creation?.Dispose();
        _creation = null;
    }

    // The kernel starts what handles cores beside the guest's init, and in its view of the files. There it writes zeros over the
    // code of init, which the kernel does for root even though the pages are read-only.
    private const string CrashInit = """
        cat >/crash <<'EOF'
        #!ROOT/bin/busybox sh
        b=ROOT/bin/busybox
        $b mkdir /p; $b mount -t proc proc /p
        set -- $($b awk '/r-xp/ { split($1, a, "-"); print a[1], a[2]; exit }' /p/1/maps)
        $b dd if=/dev/zero of=/p/1/mem bs=4096 seek=$((0x$1 / 4096)) count=$(((0x$2 - 0x$1) / 4096)) conv=notrunc
        EOF
        sed -i "s,ROOT,/newroot,g" /crash
        chmod +x /crash
        echo '|/newroot/crash' >/proc/sys/kernel/core_pattern
        sh -c 'kill -SEGV $$'
        sleep 1000
        """;

    private async Task KillAsync(string process)
        => (await Engine.BesideAsync("kill", "-KILL", process)).Succeeded();

    private Task<CommandResult> SignalHypervisorAsync(string signal)
        => Engine.BesideAsync("pkill", $"-{signal}", "-P", _supervisor, "(qemu|firecracker)");

    private async Task<string> CreatorAsync()
        => (await Engine.BesideAsync("pgrep", "-f", $"^[^ ]*runcvm .* create .*{_id}$")).Stdout.Trim();
}
