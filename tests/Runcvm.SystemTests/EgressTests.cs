namespace Runcvm.SystemTests;

/// <summary>Machines with a policy of what they may reach, on a network whose addresses are none of the private
/// ones.</summary>
public class EgressTests(DockerEngine engine) : MachineTest(engine)
{
    // Answers names, takes connections at two ports, and says what it is asked.
    private const string Server = """
        import socket, struct, threading
        own = socket.inet_aton(socket.gethostbyname(socket.gethostname()))
        known = {'web.of.test': [own],
                 'rebound.of.test': [bytes([127, 0, 0, 1]), bytes([169, 254, 169, 254]), bytes([10, 1, 2, 3])],
                 'mixed.of.test': [bytes([10, 1, 2, 3]), own]}
        def record(kind, data):
            return b'\xc0\x0c' + struct.pack('>HHIH', kind, 1, 0, len(data)) + data
        def answer(q):
            name, at = [], 12
            while q[at]:
                name.append(q[at + 1:at + 1 + q[at]].decode().lower())
                at += 1 + q[at]
            kind, = struct.unpack('>H', q[at + 1:at + 3])
            name = '.'.join(name)
            print('asked', name, flush=True)
            if name == 'alias.of.test' and kind == 1:
                target = b'\x05cdn77\x07example\x00'
                records = [record(5, target), target + struct.pack('>HHIH', 1, 1, 0, 4) + own]
            else:
                records = [record(1, a) for a in known.get(name, [])] if kind == 1 else []
            flags = 0x8180 | (0 if name in known or records else 3)
            return q[:2] + struct.pack('>HHHHH', flags, 1, len(records), 0, 0) + q[12:at + 5] + b''.join(records)
        def listen(port):
            listener = socket.create_server(('', port))
            while True:
                listener.accept()[0].close()
        for port in 80, 8080:
            threading.Thread(target=listen, args=(port,), daemon=True).start()
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind(('', 53))
        print('server listens', flush=True)
        while True:
            q, client = datagrams.recvfrom(65535)
            datagrams.sendto(answer(q), client)
        """;

    private const string Client = """
        import socket, sys, time
        server = sys.argv[1]
        def tcp(host, port):
            try:
                socket.create_connection((host, port), 30).close()
                return 'open'
            except socket.gaierror:
                return 'no name'
            except OSError as e:
                return type(e).__name__
        def udp(host, port):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.settimeout(30)
            s.connect((host, port))
            try:
                s.send(b'anybody')
                s.recv(100)
                return 'open'
            except OSError as e:
                return type(e).__name__ + ' ' + str(e.errno)
        begin = time.time()
        print('before', tcp(server, 80))
        for name, port in ('web.of.test', 80), ('WEB.of.test', 80), ('web.of.test', 8080), ('alias.of.test', 80), \
                ('mixed.of.test', 80), ('rebound.of.test', 80), ('other.test', 80), ('secret.other.test', 80), \
                ('of.test', 80):
            print(name, port, tcp(name, port))
        print('after', tcp(server, 80), tcp(server, 8080))
        print('elsewhere', tcp('8.8.8.8', 443), udp(server, 9999), udp(server, 53))
        print('at once', time.time() - begin < 25)
        """;

    [Fact]
    public async Task Names_that_a_rule_allows_are_reached_and_all_else_is_refused_at_once()
    {
        OnlyMachines();
        (string network, string server, string address) = await ServerAsync();
        CommandResult result = await RunAsync(
            "--network", network, "--dns", address, "-e", "RUNCVM_EGRESS=allow=*.of.test:80",
            "-e", "RUNCVM_LOG_LEVEL=INFO", await Engine.Images.DebianAsync(), "python3", "-c", Client, address);
        Assert.Equal(
            [
                "before ConnectionRefusedError", "web.of.test 80 open", "WEB.of.test 80 open",
                "web.of.test 8080 ConnectionRefusedError",
                "alias.of.test 80 open", "mixed.of.test 80 open", "rebound.of.test 80 no name", "other.test 80 no name",
                "secret.other.test 80 no name", "of.test 80 no name", "after open ConnectionRefusedError",
                "elsewhere ConnectionRefusedError OSError 113 OSError 113", "at once True",
            ],
            result.Lines);
        Assert.Contains("other.test is not resolved: no rule of RUNCVM_EGRESS allows it", result.Stderr,
            StringComparison.Ordinal);
        string asked = (await Docker.RunAsync("logs", server)).Text;
        Assert.Contains("asked web.of.test", asked, StringComparison.Ordinal);
        Assert.DoesNotContain("other.test", asked, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_containers_are_reached_by_their_names_and_a_network_that_comes_later_is_under_the_policy()
    {
        OnlyMachines();
        string image = await Engine.Images.DebianAsync();
        string network = await NewNetworkAsync();
        string later = await NewNetworkAsync();
        string peer = await ListeningAsync(network);
        string second = await ListeningAsync(later);
        string name = await StartAsync(
            "--network", network, "-e", $"RUNCVM_EGRESS=allow={peer}:80;{second}:80", image, "sleep", "1000");
        Assert.Equal(["open", "ConnectionRefusedError"], (await TryAsync(name, peer, 80, 8080)).Lines);
        (await Docker.RunAsync("network", "connect", later, name)).Succeeded();
        await Eventually.EqualAsync(
            "2", async () => (await ExecAsync(name, "sh", "-c", "ls -d /sys/class/net/eth* | wc -l")).Text);
        Assert.Equal(["open", "ConnectionRefusedError"], (await TryAsync(name, second, 80, 8080)).Lines);
        string refused = (await Engine.BesideAsync(
            DockerEngine.Runtime, "egress", await Docker.InspectAsync(name, "{{.Id}}"))).Text;
        foreach (string other in (string[])[peer, second])
        {
            string address = await Docker.InspectAsync(
                other, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
            Assert.Contains($"{address}:8080", refused, StringComparison.Ordinal);
        }

        // Who begins from outside is answered.
        string own = await Docker.InspectAsync(
            name, $"{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
        (await Docker.RunAsync("exec", "-d", name, "python3", "-c", Listener)).Succeeded();
        await Eventually.EqualAsync("open", async () => (await TryAsync(peer, own, 8080)).Text);
    }

    [Theory]
    [InlineData("nonsense", "must be open, none, public, learn, a name in")]
    [InlineData("allow=10.1.2.3/8", "has bits behind its prefix; the network is 10.0.0.0/8")]
    [InlineData("allow=10.1.0.0/16;deny=10.0.0.0/8", "can never match")]
    public async Task A_policy_that_cannot_be_is_refused(string policy, string reason)
    {
        OnlyMachines();
        CommandResult result = await RunAsync("-e", $"RUNCVM_EGRESS={policy}", Busybox, "true");
        Assert.Equal(125, result.ExitCode);
        Assert.Contains(reason, result.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task In_the_hosts_network_a_policy_holds_as_well()
    {
        OnlyMachines();
        const string Look = """
            nc -w 20 $(ip route | sed -n 's/default via \([^ ]*\).*/\1/p') 7 2>&1
            nslookup example.org
            """;
        CommandResult result = await RunAsync(
            "--network", "host", "-e", "RUNCVM_EGRESS=none", Busybox, "sh", "-c", Look);
        Assert.Contains("refused", result.Stdout, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("NXDOMAIN", result.Stdout, StringComparison.Ordinal);
    }

    private const string Listener = """
        import socket, threading
        def listen(port):
            listener = socket.create_server(('', port))
            while True:
                listener.accept()[0].close()
        threading.Thread(target=listen, args=(8080,), daemon=True).start()
        print('listening', flush=True)
        listen(80)
        """;

    private async Task<string> ListeningAsync(string network)
    {
        string name = await StartContainerAsync(
            NewName("peer"), "--network", network, await Engine.Images.DebianAsync(), "python3", "-c", Listener);
        await LoggedAsync(name, "listening");
        return name;
    }

    private Task<CommandResult> TryAsync(string name, string host, params int[] ports)
    {
        const string Script = """
            import socket, sys
            for port in sys.argv[2:]:
                try:
                    socket.create_connection((sys.argv[1], int(port)), 30).close()
                    print('open')
                except OSError as e:
                    print(type(e).__name__)
            """;
        return ExecAsync(name, ["python3", "-c", Script, host, .. ports.Select(static port => $"{port}")]);
    }

    private async Task<(string Network, string Server, string Address)> ServerAsync()
    {
        string network = await NewNetworkAsync("--subnet", "11.66.41.0/24");
        string server = await StartContainerAsync(
            NewName("server"), "--network", network, await Engine.Images.DebianAsync(), "python3", "-c", Server);
        await LoggedAsync(server, "server listens");
        return (network, server,
            await Docker.InspectAsync(server, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"));
    }
}
