namespace Runcvm.SystemTests;

/// <summary>The same questions asked in a container under runc and in a machine, on each kind of network.</summary>
[Proves("--network", "--ip", "--ip6", "--dns", "--dns-search", "--add-host")]
public class NetworkParityTests(DockerEngine engine) : MachineTest(engine)
{
    // Left out: devices that a kernel makes by itself, what says how far duplicate detection has come, flags that follow
    // the carrier late, and the relay's address, which is what stands for 127.0.0.11 in a machine.
    internal const string Look = """
        {
        ip -o link show | grep ' \(lo\|eth[0-9]*\)[:@]' | sed -E 's/^[0-9]+: //;s/@[^ :]+//;s/qdisc [^ ]+//;s/qlen [0-9]+//;s/group default//;s/(NO-CARRIER,|,M-DOWN|,LOWER_UP)//g;s/ +/ /g' | sort
        ip -o address show | sed -E 's/^[0-9]+: //;s/ +/ /g;s/ (\\ *)?(tentative|flags 02|valid_lft).*//' | grep -v 169.254.53.53 | sort
        ip route show | sort
        ip -6 route show | grep -v 'unreach\|dev lo\|multicast' | sed -E 's/ (pref|proto|error) [-a-z0-9]+//g' | sort
        sed 's/169.254.53.53/127.0.0.11/;/^#/d' /etc/resolv.conf
        sort /etc/hosts
        for name in ipv4/ip_forward ipv4/ip_unprivileged_port_start ipv4/ping_group_range ipv6/conf/all/disable_ipv6 ipv6/conf/lo/disable_ipv6 core/somaxconn; do
            echo "$name $(cat /proc/sys/net/$name)"
        done
        } 2>&1
        """;

    private static readonly Dictionary<string, string[]> Networks = new()
    {
        ["dual"] = ["--ipv6", "--subnet", "10.66.1.0/24", "--gateway", "10.66.1.1", "--subnet", "fd66:1::/64", "--gateway", "fd66:1::1"],
        ["inside"] = ["--internal", "--subnet", "10.66.2.0/24"],
        ["small"] = ["-o", "com.docker.network.driver.mtu=1400", "--subnet", "10.66.3.0/24"],
        ["macvlan"] = ["-d", "macvlan", "--subnet", "10.66.4.0/24"],
        ["ipvlan"] = ["-d", "ipvlan", "--subnet", "10.66.5.0/24"],
    };

    [Theory]
    [InlineData("bridge", "", "")]
    [InlineData("none", "", "")]
    [InlineData("dual", "--ip 10.66.1.77 --ip6 fd66:1::77", "ping -c1 -W5 10.66.1.1; ping -c1 -W5 fd66:1::1")]
    [InlineData("inside", "--ip 10.66.2.9", "ping -c1 -W5 10.66.2.1; ping -c1 -W1 10.254.1.1")]
    [InlineData("small", "--ip 10.66.3.9", "ping -c1 -W5 -s 1372 10.66.3.1")]
    [InlineData("macvlan", "--ip 10.66.4.9", "")]
    [InlineData("ipvlan", "--ip 10.66.5.9", "")]
    [InlineData("bridge", "--dns 192.0.2.9 --dns-search of.test --add-host there:192.0.2.1", "")]
    [InlineData("bridge", "--sysctl net.ipv4.ip_forward=0 --sysctl net.core.somaxconn=333 --sysctl net.ipv4.ip_unprivileged_port_start=80", "")]
    public async Task A_machine_sees_and_reaches_what_a_container_does(string network, string flags, string probe)
    {
        string name = NewName("parity");
        string[] options = [.. flags.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        string[] command = [Busybox, "sh", "-c", $"{Look}\n{{ :; {probe}\n}} 2>&1 | sed -E '/round-trip/d;s/time=.*//'"];
        if (Networks.TryGetValue(network, out string[]? made))
        {
            string[] parent = network.EndsWith("vlan", StringComparison.Ordinal) ? ["-o", $"parent={await BridgeAsync()}"] : [];
            CommandResult created = await Docker.RunAsync(["network", "create", .. made, .. parent, network = name + "-net"]);
            Assert.SkipWhen(created.Stderr.Contains("not supported", StringComparison.Ordinal), "the host's kernel has no such networks");
            created.Succeeded();
        }

        try
        {
            string[] both = ["run", "--rm", "--name", name, "--hostname", "probe", "--network", network, .. options];
            CommandResult container = await Docker.RunAsync([.. both, "--runtime=runc", .. command]);
            Assert.SkipWhen(container.Stderr.Contains("failed to create the ipvlan", StringComparison.Ordinal), "the host's kernel has no ipvlan");
            CommandResult machine = await Docker.RunAsync([.. both, .. RuntimeArguments, .. command]);
            Assert.Equal(container.Text, machine.Text);
        }
        finally
        {
            if (made != null) await Docker.RunAsync("network", "rm", network);
        }
    }

    // What is answered, and by whom; times and sequence numbers are left out.
    private const string Ask = """
        {
        for name in PEER peer.alias localhost OWN; do
            getent hosts $name; echo "getent $name $?"
            ping -c1 -W5 $name | grep -E 'bytes from' | sed 's/ icmp_seq.*//'; echo "ping $name"
            curl -sSm 10 http://$name:8084/page; echo "curl $name $?"
        done
        getent ahostsv6 PEER | sort -u
        curl -s6m 10 http://PEER:8084/page; echo "curl -6 $?"
        ping -c1 -W5 $(ip -4 route show default | cut -d' ' -f3) >/dev/null; echo "ping gateway $?"
        } 2>&1 | sed -E 's/after [0-9]+ ms/after/'
        """;

    /// <summary>The same names asked for, pinged and fetched under both runtimes, in every mode but `container:`,
    /// where the machine has ::1 also if the container that it joins has none (docs/network.md).</summary>
    [Theory]
    [InlineData("bridge")]
    [InlineData("user")]
    [InlineData("dual")]
    [InlineData("inside")]
    [InlineData("none")]
    [InlineData("host")]
    public async Task Whatever_answers_a_container_answers_a_machine(string mode)
    {
        if (mode == "host") OnlyMachines();
        string image = await Engine.Images.DebianAsync();
        string network = mode switch
        {
            "user" => await NewNetworkAsync(),
            "dual" or "inside" => await NewNetworkAsync(Networks[mode]),
            _ => "bridge",
        };
        string[] alias = network == "bridge" ? [] : ["--network-alias", "peer.alias"];
        string peer = await StartContainerAsync(
            NewName("peer"), ["--network", network, .. alias, Busybox, "sh", "-c", "mkdir /www; echo page of the peer >/www/page; exec httpd -f -p 8084 -h /www"]);
        string address = await Docker.InspectAsync(peer, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
        string[] flags = mode switch
        {
            "none" or "host" => ["--network", mode],
            _ => ["--network", network, "--hostname", "probe", "--add-host", "by.file:192.0.2.1"],
        };
        // By address as well: names of the default bridge, of the host and of no network are nobody's.
        string ask = Ask.Replace("PEER", peer, StringComparison.Ordinal).Replace("OWN", address, StringComparison.Ordinal);
        var answers = new List<string>();
        foreach (string[] runtime in (string[][])[["--runtime=runc"], RuntimeArguments])
            answers.Add((await Docker.RunAsync(["run", "--rm", .. runtime, .. flags, image, "bash", "-c", ask])).Text);
        Assert.Equal(answers[0], answers[1]);
        if (mode != "none") Assert.Contains("page of the peer", answers[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Networks_connected_before_the_start_are_all_there_with_their_routes()
    {
        string name = NewName("several");
        string[] networks = [name + "-a", name + "-b"];
        foreach (string network in networks) (await Docker.RunAsync("network", "create", network)).Succeeded();
        try
        {
            var seen = new List<string>();
            foreach (string[] runtime in (string[][])[["--runtime=runc"], RuntimeArguments])
            {
                (await Docker.RunAsync(["create", "--name", name, "--hostname", "probe", .. runtime, Busybox, "sh", "-c", Look])).Succeeded();
                foreach (string network in networks) (await Docker.RunAsync("network", "connect", network, name)).Succeeded();
                CommandResult run = await Docker.RunAsync("start", "--attach", name);
                seen.Add(run.Text);
                (await Docker.RunAsync("rm", name)).Succeeded();
            }

            Assert.Contains("eth2", seen[0], StringComparison.Ordinal);
            Assert.Equal(seen[0], seen[1]);
        }
        finally
        {
            await Docker.RunAsync(["network", "rm", .. networks]);
        }
    }

    private async Task<string> BridgeAsync() => (await Docker.RunAsync(
        "network", "inspect", "--format", "{{index .Options \"com.docker.network.bridge.name\"}}", "bridge")).Text;
}
