namespace Runcvm.SystemTests;

/// <summary>Guests of another architecture than the host's: the same supervisor, but a kernel, a guest program, a QEMU and images for arm64.</summary>
public class Arm64Tests(DockerEngine engine) : MachineTest(engine)
{
    public override async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(DockerEngine.IsArm64, "guests are not arm64: make arm64-test");
        await base.InitializeAsync();
    }

    [Fact]
    public async Task Debian_for_arm64_runs_in_a_machine_of_that_kind()
    {
        string debian = await Engine.Images.DebianArm64Async();
        CommandResult result = await RunAsync(
            "-e", "GREETING=hello", "-e", "RUNCVM_KERNEL_DEBUG=1", debian, "sh", "-c",
            "uname -m; . /etc/os-release; echo $ID; echo $GREETING; tr -d '\\0' </proc/device-tree/compatible; echo; ls /sys/class/net; exit 7");
        Assert.Equal("aarch64\ndebian\nhello\nlinux,dummy-virt\neth0\nlo\n", result.Ended(7).Stdout);
        // What is known of a guest that does not boot comes by the same console.
        Assert.Contains("Machine model: linux,dummy-virt", result.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exec_volume_network_and_stop_are_those_of_any_machine()
    {
        using var folder = new TemporaryFolder();
        string name = await StartAsync("-v", $"{folder.Path}:/data", Busybox, "sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.1; done");
        // Flags of open(2) are numbered differently there: a folder is opened as such, and links are not followed.
        CommandResult wrote = await ExecAsync(name, "sh", "-c",
            "set -e; cd /data; mkdir deep; echo inside >deep/file; ln -s deep/file link; cat link; ls deep; dd if=/dev/zero of=big bs=64k count=16 conv=fsync 2>/dev/null; rm -r deep");
        Assert.Equal("inside\nfile", wrote.Succeeded().Text);
        Assert.Equal(1 << 20, new FileInfo(Path.Combine(folder.Path, "big")).Length);
        string gateway = await Docker.InspectAsync(name, "{{.NetworkSettings.Gateway}}");
        (await ExecAsync(name, "ping", "-c", "1", "-W", "5", gateway)).Succeeded();
        Assert.Equal("aarch64", (await Docker.RunAsync("exec", "-u", "app", name, "uname", "-m")).Text);
        (await Docker.RunAsync("stop", name)).Succeeded();
        Assert.Equal(9, await WaitAsync(name));
    }
}
