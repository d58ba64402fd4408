namespace Runcvm.SystemTests;

/// <summary>What a machine's network leaves behind on its host: nothing, whoever was killed.</summary>
public class NetworkHygieneTests(DockerEngine engine) : MachineTest(engine)
{
    // All that the kernel knows of interfaces, filters, rules and settings, without what counts or changes by itself.
    private const string Look = """
        {
        ip -o link show | sed -E 's/^[0-9]+: //;s/(NO-CARRIER,|,LOWER_UP)//g;s/state [A-Z]+//;s/link.ether [^ ]*//'
        tc qdisc show; for dev in $(ls /sys/class/net); do tc filter show dev $dev ingress 2>/dev/null; done
        ip rule; ip -6 rule; ip route show table all | grep -v 'multicast\|fe80:' | sed 's: linkdown::'; ip netns
        iptables-save | sed 's/\[[0-9:]*\]//;/^#/d'; ip6tables-save | sed 's/\[[0-9:]*\]//;/^#/d'
        sysctl -a 2>/dev/null | grep ^net | grep -vE 'conntrack_count|stat|random|neigh\.|veth|temp_prefered'
        ls /run/runcvm /run/runcvm/.uplinks 2>/dev/null; grep uplinks /proc/self/mounts
        } | sed -E 's/ +$//' | sort
        """;

    [Theory]
    [InlineData("bridge", "runcvm supervise")]
    [InlineData("bridge", "qemu-system")]
    [InlineData("host", "runcvm supervise")]
    [InlineData("host", "qemu-system")]
    [InlineData("host", "containerd-shim")]
    public async Task Nothing_is_left_of_a_machine_when_a_part_of_it_is_killed(string network, string victim)
    {
        OnlyMachines();
        // What the first machine of a host leaves on purpose: its folder for those that share addresses.
        (await RunAsync("--network", network, Busybox, "true")).Succeeded();
        string before = await LookAsync();
        string name = await StartAsync("--network", network, Busybox, "sh", "-c", "echo runs; exec sleep 1000");
        await LoggedAsync(name, "runs");
        Assert.NotEqual(before, await LookAsync());
        string find = victim == "containerd-shim"
            ? $"pgrep -f '^[^ ]*containerd-shim.*{await Docker.InspectAsync(name, "{{.Id}}")}'"
            : $"pgrep -s {await Docker.InspectAsync(name, "{{.State.Pid}}")} -f '^[^ ]*{victim}'";
        (await Engine.BesideAsync("kill", "-KILL", (await Engine.BesideAsync("sh", "-c", find)).Text)).Succeeded();
        await Docker.RunAsync("wait", name);
        (await Docker.RunAsync("rm", "--force", name)).Succeeded();
        await Eventually.EqualAsync(before, LookAsync);
    }

    [Theory]
    [InlineData("bridge", "192.0.2.77")]
    [InlineData("host", "192.0.2.78")]
    public async Task A_connection_of_a_machine_is_tracked_by_the_host_once(string network, string nobody)
    {
        string name = await StartAsync("--network", network, Busybox, "sh", "-c", $"nc -w 1 {nobody} 7777; echo asked; exec sleep 1000");
        await LoggedAsync(name, "asked");
        CommandResult tracked = await Engine.BesideAsync("grep", "-c", nobody, "/proc/net/nf_conntrack");
        Assert.SkipWhen(tracked.ExitCode > 1, "this kernel does not list what it tracks");
        Assert.Equal("1\n", tracked.Stdout);
    }

    private async Task<string> LookAsync() => (await Engine.BesideAsync("bash", "-c", Look)).Stdout;
}
