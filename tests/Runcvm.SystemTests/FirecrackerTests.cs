namespace Runcvm.SystemTests;

/// <summary>What only holds for Firecracker, or its test double.</summary>
public class FirecrackerTests(DockerEngine engine) : MachineTest(engine)
{
    [Fact]
    public async Task The_hypervisor_is_a_user_without_capabilities_behind_a_filter()
    {
        OnlyFirecracker();
        string name = await StartAsync(Busybox, "sleep", "1000");
        (await ExecAsync(name, "true")).Succeeded();
        string status = await HypervisorAsync(name, "cat /proc/$1/status");
        // Of the range that config.toml's vmm_users has by default.
        Assert.Matches("Uid:\t(19000[0-6][0-9]{4})\t\\1\t\\1\t\\1\n", status);
        Assert.Matches("Gid:\t(19000[0-6][0-9]{4})\t\\1\t\\1\t\\1\n", status);
        foreach (string set in (string[])["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
            Assert.Contains($"{set}:\t0000000000000000", status, StringComparison.Ordinal);
        Assert.Contains("NoNewPrivs:\t1", status, StringComparison.Ordinal);
        Assert.Contains("Seccomp:\t2", status, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_guest_cannot_dial_a_second_stream()
    {
        OnlyFirecracker();
        string name = await StartAsync(Busybox, "sleep", "1000");
        (await ExecAsync(name, "true")).Succeeded();
        string files = await HypervisorAsync(name, "ls /proc/$1/root/run/hypervisor");
        Assert.Contains("api.sock", files, StringComparison.Ordinal);
        Assert.DoesNotContain("vsock.sock_", files, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Memory_can_be_asked_back_and_given_again()
    {
        OnlyFirecracker();
        string name = await StartAsync("-m", "256m", Busybox, "sleep", "1000");
        (await ExecAsync(name, "true")).Succeeded();
        (await Docker.RunAsync("update", "-m", "128m", "--memory-swap", "-1", name)).Succeeded();
        (await Docker.RunAsync("update", "-m", "256m", "--memory-swap", "-1", name)).Succeeded();
        Assert.Contains("64", (await Docker.RunAsync("update", "-m", "32m", "--memory-swap", "-1", name)).Stderr, StringComparison.Ordinal);
        (await ExecAsync(name, "true")).Succeeded();
    }

    private static void OnlyFirecracker() => Assert.SkipUnless(DockerEngine.Hypervisor == "firecracker", "only holds for Firecracker");

    /// <summary>Runs a line of shell beside the engine; <c>$1</c> is the hypervisor's process.</summary>
    private async Task<string> HypervisorAsync(string name, string line)
    {
        string supervisor = await Docker.InspectAsync(name, "{{.State.Pid}}");
        string process = (await Engine.BesideAsync("pgrep", "-P", supervisor, "-f", "firecracker")).Text;
        return (await Engine.BesideAsync("sh", "-c", line, "sh", process)).Succeeded().Text;
    }
}
