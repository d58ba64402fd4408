namespace Runcvm.SystemTests;

/// <summary>What a machine may reach changes while it runs.</summary>
public class EgressChangeTests(DockerEngine engine) : MachineTest(engine)
{
    private const string Listener = """
        import socket, threading
        def talk(connection):
            while connection.send(connection.recv(100) or b'-'):
                pass
        def listen(port):
            listener = socket.create_server(('', port))
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()
        def echo():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind(('', 9999))
            while True:
                s.sendto(*s.recvfrom(100))
        threading.Thread(target=echo, daemon=True).start()
        threading.Thread(target=listen, args=(8080,), daemon=True).start()
        print('listening', flush=True)
        listen(80)
        """;

    // Stands for as long as what it sends comes back.
    private const string Standing = """
        import socket, sys, time
        s = socket.create_connection((sys.argv[1], 80), 30)
        print('stands', flush=True)
        try:
            while True:
                s.sendall(b'still there')
                s.recv(100)
                time.sleep(.1)
        except OSError as e:
            print('ended', type(e).__name__, flush=True)
        """;

    private const string Try = """
        import socket, sys
        for port in 80, 8080:
            try:
                socket.create_connection((sys.argv[1], port), 30).close()
                print('open')
            except OSError as e:
                print(type(e).__name__)
        """;

    [Fact]
    public async Task Rules_come_and_go_while_the_machine_runs_and_connections_with_them()
    {
        OnlyMachines();
        string image = await Engine.Images.DebianAsync();
        string network = await NewNetworkAsync();
        string peer = await StartContainerAsync(
            NewName("peer"), "--network", network, image, "python3", "-c", Listener);
        await LoggedAsync(peer, "listening");
        string machine = await StartAsync(
            "--network", network, "-e", $"RUNCVM_EGRESS=allow={peer}:80", image, "python3", "-u", "-c", Standing, peer);
        await LoggedAsync(machine, "stands");
        string id = await Docker.InspectAsync(machine, "{{.Id}}");
        Assert.Equal(["open", "ConnectionRefusedError"], await TryAsync(machine, peer));
        (await ChangeAsync(id, "allow", $"{peer}:8080")).Succeeded();
        Assert.Equal(["open", "open"], await TryAsync(machine, peer));
        Assert.Contains($"allow={peer}:8080", (await ChangeAsync(id)).Text, StringComparison.Ordinal);
        (await ChangeAsync(id, "allow", "10.1.2.3/8")).Refused("the network is 10.0.0.0/8");
        Assert.DoesNotContain("ended", (await Docker.RunAsync("logs", machine)).Text, StringComparison.Ordinal);
        (await ChangeAsync(id, "deny", peer)).Succeeded();
        await LoggedAsync(machine, "ended Connection");
    }

    // TCP and UDP by a name; TCP and a ping to an address that no name led to.
    private const string Visits = """
        import socket, struct, sys
        def of(what):
            try:
                what()
                return 'answered'
            except OSError as e:
                return type(e).__name__
        def tcp(host, port):
            socket.create_connection((host, port), 30).close()
        def udp(host, port):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.settimeout(30)
            s.connect((host, port))
            s.send(b'anybody')
            s.recv(100)
        def ping(host):
            s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            s.settimeout(30)
            s.connect((host, 0))
            s.send(struct.pack('>BBHHH', 8, 0, 0xffff - 0x0800 - 7 - 1, 7, 1))
            if s.recv(100)[20]:
                raise OSError('no reply')
        name, address = sys.argv[1:]
        print(*[of(visit) for visit in (lambda: tcp(name, 80), lambda: udp(name, 9999), lambda: tcp(address, 8080),
            lambda: ping(address))])
        """;

    [Fact]
    public async Task What_a_machine_has_learned_is_enough_for_the_same_and_for_nothing_else()
    {
        OnlyMachines();
        string image = await Engine.Images.DebianAsync();
        string network = await NewNetworkAsync();
        string peer = await StartContainerAsync(
            NewName("peer"), "--network", network, image, "python3", "-c", Listener);
        string second = await StartContainerAsync(
            NewName("second"), "--network", network, image, "python3", "-c", Listener);
        await LoggedAsync(peer, "listening");
        await LoggedAsync(second, "listening");
        string address = await Docker.InspectAsync(second, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
        string learner = await StartAsync("--network", network, "-e", "RUNCVM_EGRESS=learn", image, "sleep", "1000");
        string[] visits = ["python3", "-c", Visits, peer, address];
        Assert.Equal("answered answered answered answered", (await ExecAsync(learner, visits)).Text);
        string policy = (await ChangeAsync(await Docker.InspectAsync(learner, "{{.Id}}"), "--policy")).Text;
        Assert.Equal($"allow={address}:8080,icmp;{peer}:80,udp/9999", policy);
        (await Docker.RunAsync("rm", "--force", learner)).Succeeded();

        string machine = await StartAsync(
            "--network", network, "-e", $"RUNCVM_EGRESS={policy}", image, "sleep", "1000");
        string id = await Docker.InspectAsync(machine, "{{.Id}}");
        Task<CommandResult> following = Engine.BesideAsync(
            "timeout", "8", DockerEngine.Runtime, "egress", id, "--follow", "--json");
        Assert.Equal("answered answered answered answered", (await ExecAsync(machine, visits)).Text);
        while (!following.IsCompleted)
        {
            Assert.Equal(["open", "ConnectionRefusedError"], await TryAsync(machine, peer));
            Assert.Equal(["ConnectionRefusedError", "open"], await TryAsync(machine, address));
        }

        string followed = (await following).Ended(124).Stdout;
        Assert.Contains("\"verdict\":\"refused\",\"address\":\"" + address + "\",\"port\":80,", followed,
            StringComparison.Ordinal);
        Assert.Contains("\"verdict\":\"allowed\",\"address\":\"" + address + "\",\"port\":8080,", followed,
            StringComparison.Ordinal);
        string metrics = (await Engine.BesideAsync(DockerEngine.Runtime, "metrics")).Text;
        Assert.Matches(
            $"runcvm_machine_egress_packets_refused_total{{id=\"{id}\",[^}}]*policy=\"container\"}} [1-9]", metrics);
    }

    private async Task<IReadOnlyList<string>> TryAsync(string machine, string host)
        => (await ExecAsync(machine, "python3", "-c", Try, host)).Lines;

    private Task<CommandResult> ChangeAsync(string id, params string[] words)
        => Engine.BesideAsync([DockerEngine.Runtime, "egress", id, .. words]);
}
