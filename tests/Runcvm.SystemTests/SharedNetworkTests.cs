namespace Runcvm.SystemTests;

/// <summary>Network namespaces that a machine shares with the host, or with another container.</summary>
[Proves("--network")]
public class SharedNetworkTests(DockerEngine engine) : MachineTest(engine)
{
    private const string Server = "mkdir /www; echo answer >/www/page; httpd -p 8085 -h /www; httpd -p 127.0.0.1:8086 -h /www; echo serving; exec sleep 1000";

    // Echoes everywhere, at 127.0.0.1 and at ::1; and a TCP service that takes nothing but IPv6.
    private const string Services = """
        import select, socket
        def udp(family, address, port):
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.bind((address, port))
            return s
        echoes = [udp(socket.AF_INET, '', 5300), udp(socket.AF_INET, '127.0.0.1', 5301), udp(socket.AF_INET6, '::1', 5302)]
        six = socket.create_server(('::', 8090), family=socket.AF_INET6)
        print('serving', flush=True)
        while True:
            for s in select.select(echoes + [six], [], [])[0]:
                if s is six:
                    c = s.accept()[0]
                    c.recv(1000)
                    c.sendall(b'over IPv6')
                    c.close()
                else:
                    data, sender = s.recvfrom(2000)
                    s.sendto(b'back: ' + data, sender)
        """;

    [Fact]
    public async Task With_the_hosts_network_the_outside_is_reached_and_services_answer_at_the_hosts_addresses()
    {
        OnlyMachines();
        string name = await StartAsync("--network", "host", "-e", "RUNCVM_NETWORK_MODE=host", Busybox, "sh", "-c", Server);
        await LoggedAsync(name, "serving");
        string gateway = (await Engine.BesideAsync("ip", "-4", "-o", "route", "show", "default")).Text.Split(' ')[2];
        string own = (await Engine.BesideAsync("ip", "-4", "-o", "route", "get", gateway)).Text.Split("src ")[1].Split(' ')[0];
        (await ExecAsync(name, "ping", "-c", "1", "-W", "5", gateway)).Succeeded();
        foreach (string address in (string[])[$"{own}:8085", "127.0.0.1:8085", "[::1]:8085", "127.0.0.1:8086"])
            await Eventually.TrueAsync(async () => await FetchAsync(address) == "answer\n", $"{address} answers");
        Assert.NotEqual("answer\n", await FetchAsync($"{own}:8086"));

        Assert.Contains("rcvm-", (await Engine.BesideAsync("iptables-save")).Text, StringComparison.Ordinal);
        (await Docker.RunAsync("kill", name)).Succeeded();
        await Eventually.TrueAsync(
            async () => !(await Engine.BesideAsync("sh", "-c", "iptables-save; ip link; ls /run/runcvm/.uplinks; grep uplinks /proc/mounts")).Stdout
                .Contains("rcvm-", StringComparison.Ordinal),
            "nothing is left of a killed machine");
        Assert.Empty((await Engine.BesideAsync("ls", "/run/runcvm/.uplinks")).Text);
    }

    // As database images do: the first server, for the set-up, is for nobody else. Further UDP senders than may be remembered are no reason to answer none.
    [Fact]
    public async Task A_service_that_listens_at_more_addresses_than_before_answers_there_and_no_sender_is_one_too_many()
    {
        OnlyMachines();
        const string Service = """
            import socket
            def serve(address):
                echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                echo.bind((address, 5311))
                with socket.create_server((address, 5310)) as tcp, echo:
                    print('serving', address, flush=True)
                    tcp.accept()[0].sendall(address.encode())
                    while address == '0.0.0.0':
                        data, sender = echo.recvfrom(100)
                        echo.sendto(data, sender)
            serve('127.0.0.1')
            serve('0.0.0.0')
            """;
        await StartAsync("--network", "host", await Engine.Images.DebianAsync(), "python3", "-c", Service);
        string own = await OwnAddressAsync();
        foreach ((string from, string said) in ((string, string)[])[("127.0.0.1", "127.0.0.1"), (own, "0.0.0.0")])
        {
            await Eventually.TrueAsync(
                async () => (await Engine.BesideAsync("timeout", "5", "bash", "-c", $"exec 3<>/dev/tcp/{from}/5310 && cat <&3")).Stdout == said, $"{from} answers");
        }

        // Each round is a sender of its own.
        string ask = $"for i in $(seq 300); do exec 3<>/dev/udp/{own}/5311; echo $i >&3; timeout 10 head -n 1 <&3; done | wc -l";
        Assert.Equal("300", (await Engine.BesideAsync("bash", "-c", ask)).Text);
    }

    // More senders than a guest is told of at a time, and many more while it does not listen at all.
    [Fact]
    [Trait("Run", "nightly")]
    public async Task UDP_from_any_number_of_senders_costs_the_supervisor_little_and_the_machine_nothing()
    {
        OnlyMachines();
        const string Echo = """
            import socket
            echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            echo.bind(('0.0.0.0', 5312))
            print('serving', flush=True)
            while True:
                data, sender = echo.recvfrom(2000)
                echo.sendto(data, sender)
            """;
        string name = await StartAsync("--network", "host", await Engine.Images.DebianAsync(), "python3", "-c", Echo);
        await LoggedAsync(name, "serving");
        string own = await OwnAddressAsync();
        string ask = $"exec 3<>/dev/udp/{own}/5312; echo hello >&3; timeout 10 head -n 1 <&3";
        await Eventually.TrueAsync(AnswersAsync, "it answers");
        string supervisor = await Docker.InspectAsync(name, "{{.State.Pid}}");

        await FloodAsync(own, 3000);
        await Eventually.TrueAsync(AnswersAsync, "it answers after that");
        long before = await MemoryAsync(supervisor);
        string hypervisor = (await Engine.BesideAsync("pgrep", "-P", supervisor, "-f", "qemu|firecracker")).Text;
        (await Engine.BesideAsync("kill", "-STOP", hypervisor)).Succeeded();
        await FloodAsync(own, 20_000);
        long after = await MemoryAsync(supervisor);
        (await Engine.BesideAsync("kill", "-CONT", hypervisor)).Succeeded();
        // Kilobytes: one datagram each of 1400 bytes would be 28 000.
        Assert.InRange(after - before, long.MinValue, 24_000);
        await Eventually.TrueAsync(AnswersAsync, "it answers again");
        (await ExecAsync(name, "true")).Succeeded();

        async Task<bool> AnswersAsync() => (await Engine.BesideAsync("bash", "-c", ask)).Stdout == "hello\n";
    }

    private async Task FloodAsync(string address, int senders)
    {
        string flood = $"""
            import socket, time
            for i in range({senders}):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.sendto(b'x' * 1400, ('{address}', 5312))
                if i % 100 == 0: time.sleep(0.01)
            """;
        string[] python = [await Engine.Images.DebianAsync(), "python3", "-c", flood];
        (await Docker.RunAsync(["run", "--rm", "--runtime=runc", "--network", "host", .. python])).Succeeded();
    }

    private async Task<long> MemoryAsync(string process)
    {
        const string Resident = "s/^VmRSS:[^0-9]*\\([0-9]*\\) kB/\\1/p";
        string text = (await Engine.BesideAsync("sed", "-n", Resident, $"/proc/{process}/status")).Text;
        return long.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("bridge")]
    [InlineData("none")]
    public async Task A_machine_with_a_network_of_its_own_is_not_told_that_it_has_the_hosts(string network)
    {
        OnlyMachines();
        CommandResult result = await Docker.RunAsync("run", "--rm", "--runtime=runcvm", "--network", network, "-e", "RUNCVM_NETWORK_MODE=host", Busybox, "true");
        result.Refused("RUNCVM_NETWORK_MODE=host does not give a container the host's network; use --network host, or leave the option out");
    }

    [Fact]
    public async Task UDP_services_and_services_that_listen_over_IPv6_alone_answer_at_the_hosts_addresses()
    {
        OnlyMachines();
        string name = await StartAsync("--network", "host", await Engine.Images.DebianAsync(), "python3", "-c", Services);
        await LoggedAsync(name, "serving");
        string own = await OwnAddressAsync();
        foreach (string udp in (string[])["127.0.0.1/5300", $"{own}/5300", "::1/5300", "127.0.0.1/5301", "127.0.0.1/5302"])
        {
            // Until the port is there answers are refusals, which bash says on standard error.
            string talk = $"exec 3<>/dev/udp/{udp}; for word in hello again; do echo $word >&3; timeout 5 head -n 1 <&3; done";
            await Eventually.TrueAsync(
                async () => (await Engine.BesideAsync("bash", "-c", talk)).Stdout == "back: hello\nback: again\n", $"{udp} answers");
        }

        Assert.Equal("", (await Engine.BesideAsync("bash", "-c", $"exec 3<>/dev/udp/{own}/5301; echo hello >&3; timeout 1 head -n 1 <&3 || true")).Text);
        foreach (string tcp in (string[])["[::1]:8090", "127.0.0.1:8090"])
            Assert.Equal("over IPv6", (await Engine.BesideAsync("curl", "-s", "-m", "5", "--http0.9", $"http://{tcp}/")).Stdout);
    }

    [Fact]
    public async Task With_the_hosts_network_the_outside_is_reached_over_IPv6_where_the_host_forwards_it()
    {
        OnlyMachines();
        // For such a network Docker switches forwarding on.
        string network = await NewNetworkAsync("--ipv6", "--subnet", "fd00:77:85::/64");
        string other = await StartContainerAsync(NewName(), "--network", network, Busybox, "sh", "-c", Server);
        await LoggedAsync(other, "serving");
        string address = await Docker.InspectAsync(other, $"{{{{(index .NetworkSettings.Networks \"{network}\").GlobalIPv6Address}}}}");
        string name = await StartAsync("--network", "host", Busybox, "sleep", "1000");
        Assert.Equal("answer", (await ExecAsync(name, "wget", "-q", "-O", "-", $"http://[{address}]:8085/page")).Succeeded().Text);
        Assert.Contains("rcvm-", (await Engine.BesideAsync("ip6tables-save")).Text, StringComparison.Ordinal);
        (await Docker.RunAsync("rm", "--force", name)).Succeeded();
        await Eventually.TrueAsync(
            async () => !(await Engine.BesideAsync("sh", "-c", "ip6tables-save; ip link; ls /run/runcvm/.uplinks")).Stdout.Contains("rcvm-", StringComparison.Ordinal),
            "nothing is left");
        Assert.Empty((await Engine.BesideAsync("ls", "/run/runcvm/.uplinks")).Text);
    }

    [Fact]
    public async Task A_machine_joins_the_network_of_a_container_and_each_reaches_the_other()
    {
        OnlyMachines();
        string network = NewName("joined");
        (await Docker.RunAsync("network", "create", network)).Succeeded();
        string container = NewName("first");
        (await Docker.RunAsync("run", "-d", "--name", container, "--network", network, "--runtime=runc", Busybox, "sleep", "1000")).Succeeded();
        string name = await StartAsync("--network", "container:" + container, Busybox, "sh", "-c", Server);
        await LoggedAsync(name, "serving");
        await Eventually.TrueAsync(
            async () => (await ExecAsync(container, "wget", "-q", "-O", "-", "http://127.0.0.1:8085/page")).Stdout == "answer\n",
            "the container reaches the machine at its own loopback address");
        Assert.Equal("answer", (await RunAsync("--network", network, Busybox, "wget", "-q", "-O", "-", $"http://{container}:8085/page")).Text);
        Assert.Contains(container, (await ExecAsync(name, "nslookup", container)).Text, StringComparison.Ordinal);
        await Docker.RunAsync("rm", "--force", name, container);
        await Docker.RunAsync("network", "rm", network);
    }

    [Fact]
    public async Task A_container_that_joins_a_machine_reaches_it_at_the_loopback_address_and_a_second_machine_is_refused()
    {
        OnlyMachines();
        string name = await StartAsync(Busybox, "sh", "-c", Server);
        await LoggedAsync(name, "serving");
        string own = await Docker.InspectAsync(name, "{{.NetworkSettings.IPAddress}}");
        CommandResult beside = await Docker.RunAsync(
            "run", "--rm", "--runtime=runc", "--network", "container:" + name, Busybox, "sh", "-c",
            $"for at in 127.0.0.1:8085 {own}:8085 127.0.0.1:8086; do for try in 1 2 3 4 5; do wget -q -O - http://$at/page && break; sleep 1; done; done");
        Assert.Equal("answer\nanswer\nanswer", beside.Text);
        (await RunAsync("--network", "container:" + name, Busybox, "true")).Refused("two machines cannot share one network namespace");
    }

    /// <summary>The address by which the host is known outside; no packet is sent for it.</summary>
    private async Task<string> OwnAddressAsync()
        => (await Engine.BesideAsync("ip", "-4", "-o", "route", "get", "192.0.2.1")).Text.Split("src ")[1].Split(' ')[0];

    private async Task<string> FetchAsync(string address)
        => (await Engine.BesideAsync("curl", "-s", "-m", "5", $"http://{address}/page")).Stdout;
}
