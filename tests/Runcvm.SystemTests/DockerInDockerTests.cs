namespace Runcvm.SystemTests;

/// <summary>One boot each of a whole Docker engine: what the older systems needed, and what a stock image gets.</summary>
public class DockerInDockerTests(DockerEngine engine) : MachineTest(engine)
{
    private static readonly TimeSpan BootTimeout = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan InnerTimeout = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task On_cgroup_v1_with_iptables_legacy_inner_containers_run_and_reach_the_network()
    {
        OnlyMachines();
        string image = await WithIptablesAsync("legacy");
        string name = await BootAsync(
            image, "-e", "RUNCVM_SYSTEMD=true", "-e", "RUNCVM_KERNEL_ARGS=systemd.unified_cgroup_hierarchy=0",
            "-v", "inner-engine:/disks", "-e", "RUNCVM_DISKS=/disks/docker,/var/lib/docker,ext4,4G");
        Assert.Equal("overlay2 1", await InfoAsync(name));
        await CheckBuildOnDiskAsync(name);
        await StartNetworkdAsync(name);
        await CheckInnerContainersAsync(name);
        await CheckStopAsync(name);
    }

    [Fact]
    public async Task On_cgroup_v2_with_iptables_nft_inner_containers_run_and_reach_the_network()
    {
        OnlyMachines();
        string image = await WithIptablesAsync("nft");
        string name = await BootAsync(image);
        Assert.Equal("overlay2 2", await InfoAsync(name));
        Assert.Equal("systemd", (await ExecAsync(name, "docker", "info", "--format", "{{.CgroupDriver}}")).Text);
        await CheckInnerContainersAsync(name);
        await CheckRestartKeepsImagesAsync(name);
    }

    private async Task<string> WithIptablesAsync(string kind)
    {
        string image = await Engine.Images.DockerInDockerAsync();
        string dockerfile = $"FROM {image}\nRUN update-alternatives --set iptables /usr/sbin/iptables-{kind}\n";
        (await Docker.InputAsync(System.Text.Encoding.UTF8.GetBytes(dockerfile), null, "build", "-q", "-t", $"{image}-{kind}", "-"))
            .Succeeded();
        return $"{image}-{kind}";
    }

    private async Task<string> BootAsync(string image, params string[] flags)
    {
        string name = await StartAsync([.. flags, "-m", "2g", image]);
        await BootedAsync(name);
        byte[] inner = await TestImages.InnerImageAsync();
        (await Docker.InputAsync(inner, InnerTimeout, "exec", "-i", name, "docker", "import", "-", "alpine")).Succeeded();
        return name;
    }

    private async Task BootedAsync(string name)
    {
        // Until systemd listens there is nothing that could wait.
        await Eventually.TrueAsync(
            async () => (await WithLogsAsync(name, null, "systemctl", "is-system-running")).Stdout.Trim() is not ("offline" or ""),
            "systemd answers", BootTimeout);
        CommandResult running = await WithLogsAsync(name, BootTimeout, "systemctl", "is-system-running", "--wait");
        CommandResult failed = await ExecAsync(name, "systemctl", "--failed", "--no-legend", "--plain");
        Assert.True(running.Stdout.Trim() == "running", $"systemd is {running.Stdout.Trim()}: {failed.Stdout}");
    }

    /// <summary>An exec while the machine boots. Where it has no end, the reason is in what the machine has said.</summary>
    private async Task<CommandResult> WithLogsAsync(string name, TimeSpan? timeout, params string[] command)
    {
        try
        {
            return await Docker.InputAsync(null, timeout, ["exec", name, .. command]);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}; the machine's log: {await Docker.RunAsync("logs", "--timestamps", name)}", e);
        }
    }

    private async Task<string> InfoAsync(string name)
        => (await ExecAsync(name, "docker", "info", "--format", "{{.Driver}} {{.CgroupVersion}}")).Text;

    private async Task CheckInnerContainersAsync(string name)
    {
        CommandResult greeting = await Docker.WithinAsync(
            InnerTimeout, "exec", name, "docker", "run", "--rm", "--security-opt", "seccomp=unconfined",
            "--security-opt", "apparmor=unconfined", "alpine", "echo", "Hello from inside");
        Assert.Equal("Hello from inside", greeting.Text);
        // The engine's own bridge is as far as a test may rely on; a name is resolved by whoever the host asks.
        string gateway = await Docker.InspectAsync(name, "{{.NetworkSettings.Gateway}}");
        (await InnerAsync(name, "ping", "-c", "1", "-W", "5", gateway)).Succeeded();
        CommandResult resolved = await InnerAsync(name, "nslookup", "deb.debian.org");
        Assert.Contains("Address", resolved.Text, StringComparison.Ordinal);
        Assert.Equal("7", (await InnerAsync(name, "sh", "-c", "exit 7")).ExitCode.ToString(null as IFormatProvider));
    }

    // As images for virtual machines do, on whose networks somebody answers DHCP. The image has no udev, so its word
    // that the interface is ready is put in its place.
    private async Task StartNetworkdAsync(string name)
    {
        const string Script = """
            printf '[Match]\nName=e*\n[Network]\nDHCP=yes\n' >/etc/systemd/network/10-all.network
            mkdir -p /run/udev/data && echo I:1 >/run/udev/data/n$(cat /sys/class/net/eth0/ifindex)
            systemctl start systemd-networkd
            networkctl --no-legend list eth0
            """;
        await Eventually.TrueAsync(
            async () => (await ExecAsync(name, "sh", "-c", Script)).Stdout.Contains(
                "unmanaged", StringComparison.Ordinal),
            "systemd-networkd leaves eth0 alone", InnerTimeout);
    }

    private async Task CheckBuildOnDiskAsync(string name)
    {
        Assert.StartsWith("/dev/vd", (await ExecAsync(name, "findmnt", "-no", "SOURCE", "/var/lib/docker")).Text, StringComparison.Ordinal);
        byte[] dockerfile = "FROM alpine\nRUN mkdir /made && echo built > /made/file\nRUN rm -r /made && echo rebuilt > /made\n"u8.ToArray();
        (await Docker.InputAsync(dockerfile, InnerTimeout, "exec", "-e", "DOCKER_BUILDKIT=0", "-i", name, "docker", "build", "-q", "-t", "built", "-")).Succeeded();
        Assert.Equal("rebuilt", (await Docker.WithinAsync(InnerTimeout, "exec", name, "docker", "run", "--rm", "built", "cat", "/made")).Text);
    }

    private Task<CommandResult> InnerAsync(string name, params string[] command)
        => Docker.WithinAsync(InnerTimeout, ["exec", name, "docker", "run", "--rm", "alpine", .. command]);

    private async Task CheckStopAsync(string name)
    {
        (await Docker.WithinAsync(TimeSpan.FromSeconds(60), "stop", "--time", "50", name)).Succeeded();
        Assert.Equal(0, await WaitAsync(name));
    }

    private async Task CheckRestartKeepsImagesAsync(string name)
    {
        (await Docker.WithinAsync(InnerTimeout, "restart", "--time", "50", name)).Succeeded();
        await BootedAsync(name);
        Assert.Equal("alpine", (await ExecAsync(name, "docker", "images", "--format", "{{.Repository}}")).Text);
    }
}
