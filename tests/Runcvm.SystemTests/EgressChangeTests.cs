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

    private async Task<IReadOnlyList<string>> TryAsync(string machine, string host)
        => (await ExecAsync(machine, "python3", "-c", Try, host)).Lines;

    private Task<CommandResult> ChangeAsync(string id, params string[] words)
        => Engine.BesideAsync([DockerEngine.Runtime, "egress", id, .. words]);
}
