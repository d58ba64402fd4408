namespace Runcvm.SystemTests;

/// <summary>The sandbox's namespace has a machine's addresses too, and containers that joined it: who calls a machine
/// is seen as it is, and nobody leaves past the machine.</summary>
public class JoinedNetworkTests(DockerEngine engine) : MachineTest(engine)
{
    // Says who calls, over TCP and UDP.
    private const string Service = """
        import select, socket, sys
        port = int(sys.argv[1])
        tcp = socket.create_server(('', port))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(('', port))
        print('serving', flush=True)
        while True:
            for s in select.select([tcp, udp], [], [])[0]:
                if s is tcp:
                    connection, caller = s.accept()
                    connection.sendall(caller[0].encode())
                    connection.close()
                else:
                    caller = s.recvfrom(100)[1]
                    s.sendto(caller[0].encode(), caller)
        """;

    // Asks it from a port of its own, or any.
    private const string Client = """
        import socket, sys, time
        host, port, own = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
        begin = time.monotonic()
        for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
            s = socket.socket(socket.AF_INET, kind)
            s.settimeout(30)
            try:
                s.bind(('', own))
                s.connect((host, port))
                if kind == socket.SOCK_DGRAM:
                    s.send(b'?')
                print(s.recv(100).decode())
            except OSError as e:
                print(type(e).__name__)
        print('at once' if time.monotonic() - begin < 20 else 'late')
        """;

    [Fact]
    public async Task A_service_sees_who_calls_at_every_port_and_a_program_may_call_from_every_port()
    {
        string network = await NewNetworkAsync();
        string image = await Engine.Images.DebianAsync();
        string[] serve = ["--network", network, image, "python3", "-c", Service, "62000"];
        string peer = await StartContainerAsync(NewName("peer"), serve);
        string name = await StartAsync(serve);
        await LoggedAsync(name, "serving");
        await LoggedAsync(peer, "serving");
        string address = await AddressAsync(name), other = await AddressAsync(peer);
        Assert.Equal($"{other}\n{other}\nat once", (await AskAsync(peer, address, 62000)).Text);
        Assert.Equal($"{address}\n{address}\nat once", (await AskAsync(name, other, 62000, own: 62500)).Text);
        Assert.Equal("127.0.0.1\n127.0.0.1\nat once", (await AskAsync(name, "127.0.0.1", 62000)).Text);
    }

    // As of a VPN's container: nothing leaves but through it, and it lets nothing out now.
    [Fact]
    public async Task Who_joined_a_machine_does_not_leave_past_its_rules()
    {
        OnlyMachines();
        string network = await NewNetworkAsync();
        string image = await Engine.Images.DebianAsync();
        string peer = await StartContainerAsync(
            NewName("peer"), "--network", network, image, "python3", "-c", Service, "80");
        string name = await StartAsync(
            "--network", network, image,
            "sh", "-c", "ip rule add priority 100 prohibit; exec python3 -c \"$0\" 8080", Service);
        await LoggedAsync(name, "serving");
        string joined = await StartContainerAsync(
            NewName("joined"), "--network", "container:" + name, image, "python3", "-c", Service, "62001");
        await LoggedAsync(joined, "serving");
        Assert.Equal("PermissionError\nPermissionError\nat once", (await AskAsync(name, peer, 80)).Text);
        Assert.Equal("ConnectionRefusedError\nOSError\nat once", (await AskAsync(joined, peer, 80)).Text);
        await Eventually.TrueAsync(
            async () => (await AskAsync(joined, "127.0.0.1", 8080)).Text == "127.0.0.1\n127.0.0.1\nat once",
            "it talks to the machine");
        // Who calls it is answered, over TCP.
        string service = $"('{await AddressAsync(name)}', 62001)";
        string call = $"import socket; print(socket.create_connection({service}, 30).recv(100).decode())";
        Assert.Equal(await AddressAsync(peer), (await ExecAsync(peer, "python3", "-c", call)).Text);
    }

    [Fact]
    public async Task Who_joined_a_machine_that_lets_it_out_reaches_what_is_outside()
    {
        OnlyMachines();
        string network = await NewNetworkAsync();
        string image = await Engine.Images.DebianAsync();
        string peer = await StartContainerAsync(
            NewName("peer"), "--network", network, image, "python3", "-c", Service, "80");
        await LoggedAsync(peer, "serving");
        string name = await StartAsync("--network", network, "-e", "RUNCVM_JOINED=direct", Busybox, "sleep", "1000");
        string address = await AddressAsync(name);
        CommandResult joined = await Docker.RunAsync(
            "run", "--rm", "--runtime=runc", "--network", "container:" + name, image,
            "python3", "-c", Client, peer, "80", "0");
        Assert.Equal($"{address}\n{address}\nat once", joined.Text);
    }

    private Task<CommandResult> AskAsync(string from, string host, int port, int own = 0)
        => ExecAsync(from, "python3", "-c", Client, host, $"{port}", $"{own}");

    private Task<string> AddressAsync(string name)
        => Docker.InspectAsync(name, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
}
