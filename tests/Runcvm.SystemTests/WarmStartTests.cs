using System.Globalization;

namespace Runcvm.SystemTests;

/// <summary>Machines that go on where another was saved. Their size is nobody else's, so that no other test finds what
/// is saved here.</summary>
public class WarmStartTests(DockerEngine engine) : MachineTest(engine)
{
    private const string Size = "200M";
    private const string Warm = "goes on where another was saved";
    private const int AtOnce = 3;

    private static readonly string[] Small = [.. RootOnDisk, "-m", Size, "-e", "RUNCVM_LOG_LEVEL=INFO"];

    public override async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(DockerEngine.RunsMachines && DockerEngine.Hypervisor == "qemu", "QEMU restores machines");
        await base.InitializeAsync();
        CommandResult made = await Engine.BesideAsync(DockerEngine.Runtime, "warm", "--memory", Size);
        bool boots = made.Stderr.Contains("always boot", StringComparison.Ordinal);
        Assert.SkipWhen(boots, "machines of this host always boot");
        made.Succeeded();
    }

    [Fact]
    public async Task A_machine_goes_on_from_a_saved_one_with_its_own_name_time_and_arguments()
    {
        const string Arguments = "systemd.unified_cgroup_hierarchy=0";
        long before = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        CommandResult result = (await RunAsync([
            .. Small, "--hostname", "clone", "-e", $"RUNCVM_KERNEL_ARGS={Arguments}", Busybox,
            "sh", "-c", "hostname; date +%s; cat /proc/cmdline"])).Succeeded();
        Assert.Contains(Warm, result.Stderr, StringComparison.Ordinal);
        Assert.Equal("clone", result.Lines[0]);
        long time = long.Parse(result.Lines[1], CultureInfo.InvariantCulture);
        Assert.InRange(time, before, DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        Assert.EndsWith($" {Arguments}", result.Lines[2], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("RUNCVM_WARM=off")]
    [InlineData("RUNCVM_KERNEL_ARGS=nokaslr")]
    public async Task A_machine_that_is_another_or_shall_not_boots(string option)
    {
        CommandResult result = (await RunAsync([.. Small, "-e", option, Busybox, "true"])).Succeeded();
        Assert.DoesNotContain(Warm, result.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Shares_travel_over_the_stream_where_that_is_asked_for()
    {
        string[] arguments = ["-m", Size, "-e", "RUNCVM_ROOTFS=share", "-e", "RUNCVM_LOG_LEVEL=INFO", "-v", "/data"];
        const string Work = "echo kept > /data/file && cat /data/file && ls -d /etc";
        CommandResult usual = (await RunAsync([.. arguments, Busybox, "sh", "-c", Work])).Succeeded();
        Assert.DoesNotContain(Warm, usual.Stderr, StringComparison.Ordinal);
        string[] wish = ["-e", "RUNCVM_WARM=on"];
        CommandResult asked = (await RunAsync([.. arguments, .. wish, Busybox, "sh", "-c", Work])).Succeeded();
        Assert.Contains(Warm, asked.Stderr, StringComparison.Ordinal);
        Assert.Equal(["kept", "/etc"], asked.Lines);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(50, Traits = ["Run", "nightly"])]
    public async Task No_two_machines_of_one_saved_machine_are_alike(int clones)
    {
        // What the first program of each draws and is given: random bytes twice, the boot's id, a UUID, the addresses
        // of its stack and its libraries or its own, and the hardware address of its card.
        const string Look = """
            head -c 16 /dev/urandom | od -An -tx1 | tr -d ' '
            head -c 16 /dev/random | od -An -tx1 | tr -d ' '
            cat /proc/sys/kernel/random/boot_id /proc/sys/kernel/random/uuid
            awk '/\[stack\]/ { print $1 }' /proc/self/maps
            awk '/\[vdso\]/ { print $1 }' /proc/self/maps
            cat /sys/class/net/eth0/address
            """;
        string[][] seen = new string[clones][];
        await Parallel.ForAsync(0, clones, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, _) =>
        {
            CommandResult result = (await RunAsync([.. Small, Busybox, "sh", "-c", Look])).Succeeded();
            Assert.Contains(Warm, result.Stderr, StringComparison.Ordinal);
            seen[i] = [.. result.Lines];
        });
        Assert.All(seen, static one => Assert.Equal(7, one.Length));
        // An engine gives an address of its bridge to the next one when it is free again.
        for (int what = 0; what < 6; what++) Assert.Equal(clones, seen.Select(one => one[what]).Distinct().Count());
        Assert.InRange(seen.Select(static one => one[6]).Distinct().Count(), 2, clones);
    }

    [Fact]
    public async Task What_a_clone_does_to_its_memory_does_not_come_into_the_store()
    {
        const string Sum = "sha256sum /var/lib/runcvm/warm/*.machine";
        string before = (await Engine.BesideAsync("sh", "-c", Sum)).Succeeded().Text;
        const string Work = "head -c 30000000 /dev/urandom > /dev/shm/x; rm /dev/shm/x; echo done; sleep 600";
        string name = await StartAsync([.. Small, Busybox, "sh", "-c", Work]);
        await LoggedAsync(name, "done");
        Assert.Contains(Warm, (await Docker.RunAsync("logs", name)).Stderr, StringComparison.Ordinal);
        // The balloon takes most of its memory, and the guest's kernel reports what it has freed.
        (await Docker.RunAsync("update", "-m", "80m", "--memory-swap", "80m", name)).Succeeded();
        await Eventually.TrueAsync(async () => await AvailableKibibytesAsync(name) < 80 * 1024, "a smaller guest");
        Assert.Equal(before, (await Engine.BesideAsync("sh", "-c", Sum)).Succeeded().Text);
        // Only the hypervisor has it open, for reading, and is a user to whom it does not belong.
        const string Holders = """
            for file in /proc/[0-9]*/fd/*; do
                case $(readlink "$file") in /var/lib/runcvm/warm/*) ;; *) continue;; esac
                process=${file%/fd/*}
                user=$(awk '/^Uid/ { print ($2 > 0) }' $process/status)
                echo "$(cat $process/comm) $user $(grep -c 'flags:.*[12]$' $process/fdinfo/${file##*/})"
            done | sort -u
            """;
        string holders = (await Engine.BesideAsync("sh", "-c", Holders)).Succeeded().Text;
        Assert.True(holders is "" or "qemu-system-x86 1 0", holders);
    }

    private async Task<long> AvailableKibibytesAsync(string name)
    {
        CommandResult result = await ExecAsync(name, "awk", "/MemAvailable/ { print $2 }", "/proc/meminfo");
        return long.Parse(result.Text, CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("truncate -s 30000000 $0.machine && sed -i 1s/.*/30000000/ $0.about", "could not be restored")]
    [InlineData("truncate -s 30000000 $0.machine", "a saved machine is not used")]
    [InlineData("chown 1000 $0.machine", "a saved machine is not used")]
    public async Task A_machine_that_cannot_be_restored_boots(string change, string words)
    {
        const string Find = "grep -l '200 MiB' /var/lib/runcvm/warm/*.about";
        string about = (await Engine.BesideAsync("sh", "-c", Find)).Succeeded().Text;
        string file = about[..^".about".Length];
        try
        {
            (await Engine.BesideAsync("sh", "-c", change, file)).Succeeded();
            CommandResult result = (await RunAsync([.. Small, Busybox, "echo", "up"])).Succeeded();
            Assert.Equal("up", result.Text);
            Assert.Contains(words, result.Stderr, StringComparison.Ordinal);
        }
        finally
        {
            (await Engine.BesideAsync("sh", "-c", "rm $0.machine $0.about", file)).Succeeded();
        }
    }
}
