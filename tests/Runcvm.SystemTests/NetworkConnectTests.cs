namespace Runcvm.SystemTests;

/// <summary>`docker network connect` and `disconnect` while the machine runs.</summary>
public class NetworkConnectTests(DockerEngine engine) : MachineTest(engine)
{
    private const string Server = "mkdir /www; echo late >/www/page; httpd -h /www; echo serving; exec sleep 1000";

    [Fact]
    public async Task A_machine_sees_the_networks_that_come_and_go_as_a_container_does()
    {
        string first = await NewNetworkAsync("--subnet", "10.66.31.0/24");
        string second = await NewNetworkAsync("--subnet", "10.66.32.0/24", "--ipv6", "--subnet", "fd66:32::/64");
        var seen = new List<List<string>>();
        foreach (string[] runtime in (string[][])[["--runtime=runc"], RuntimeArguments])
        {
            string name = NewName("moving");
            (await Docker.RunAsync(["run", "-d", "--name", name, "--hostname", "probe", "--network", first, "--ip", "10.66.31.9", .. runtime, Busybox, "sleep", "1000"])).Succeeded();
            seen.Add([]);
            await LookAsync("network", "connect", "--ip", "10.66.32.9", "--ip6", "fd66:32::9", second, name);
            await LookAsync("network", "disconnect", first, name);
            await LookAsync("network", "connect", "--ip", "10.66.31.10", first, name);
            await Docker.RunAsync("rm", "--force", name);

            async Task LookAsync(params string[] change)
            {
                (await Docker.RunAsync(change)).Succeeded();
                string before = seen[0].Count > seen[^1].Count ? seen[0][seen[^1].Count] : "";
                // Under runc it is so at once; then that is what is waited for.
                async Task<string> NowAsync() => (await ExecAsync(name, "sh", "-c", NetworkParityTests.Look)).Text;
                if (before.Length > 0) await Eventually.EqualAsync(before, NowAsync);
                seen[^1].Add(await NowAsync());
            }
        }

        Assert.Contains("eth1", seen[0][0], StringComparison.Ordinal);
        Assert.DoesNotContain("10.66.31.", seen[0][1], StringComparison.Ordinal);
        Assert.Equal(seen[0], seen[1]);
    }

    [Fact]
    public async Task A_connection_goes_on_while_another_network_comes_and_takes_the_default_route()
    {
        const int Size = 200_000_000;
        // Docker gives the default route to the network whose name comes first.
        string other = await NewNetworkAsync();
        string network = await NewNetworkAsync();
        string peer = await StartContainerAsync(NewName("peer"), "--network", network, Busybox, "sh", "-c", $"mkdir /www; truncate -s {Size} /www/page; httpd -h /www; echo serving; exec sleep 1000");
        await LoggedAsync(peer, "serving");
        string name = await StartAsync("--network", network, Busybox, "sleep", "1000");
        Task<CommandResult> transfer = ExecAsync(name, "sh", "-c", $"wget -q -O - http://{peer}/page | wc -c");
        int changes = 0;
        for (; !transfer.IsCompleted; changes++)
        {
            (await Docker.RunAsync("network", changes % 2 == 0 ? "connect" : "disconnect", other, name)).Succeeded();
            // Docker numbers them on: eth1, eth2, ….
            await Eventually.EqualAsync(changes % 2 == 0 ? "2" : "1", async () => (await ExecAsync(name, "sh", "-c", "ip -o link | grep -c eth")).Text);
        }

        Assert.Equal($"{Size}", (await transfer).Text);
        Assert.True(changes > 1, "the transfer was over too soon");
    }

    [Fact]
    public async Task A_machine_of_the_default_bridge_that_is_connected_to_a_network_finds_its_names_and_is_found()
    {
        string network = await NewNetworkAsync();
        string peer = await StartContainerAsync(NewName("peer"), "--network", network, Busybox, "sh", "-c", Server);
        string name = await StartAsync(Busybox, "sh", "-c", Server);
        await LoggedAsync(name, "serving");
        Assert.NotEqual(0, (await ExecAsync(name, "wget", "-q", "-O", "-", $"http://{peer}/page")).ExitCode);
        (await Docker.RunAsync("network", "connect", "--alias", "came.late", network, name)).Succeeded();
        await Eventually.TrueAsync(async () => (await ExecAsync(name, "wget", "-q", "-O", "-", $"http://{peer}/page")).Stdout == "late\n", "the machine reaches its new neighbour");
        Assert.Equal("late", (await ExecAsync(peer, "wget", "-q", "-O", "-", "http://came.late/page")).Text);

        OnlyMachines();
        string third = await NewNetworkAsync();
        (await Docker.RunAsync("network", "connect", third, name)).Succeeded();
        await Eventually.TrueAsync(
            async () => (await Docker.RunAsync("logs", name)).Stderr.Contains("no network card left for eth2", StringComparison.Ordinal),
            "the log says that a second one takes a restart");
        (await Docker.RunAsync("network", "disconnect", network, name)).Succeeded();
        string expected = await Docker.InspectAsync(name, $"{{{{(index .NetworkSettings.Networks \"{third}\").IPAddress}}}}");
        await Eventually.TrueAsync(
            async () => (await ExecAsync(name, "ip", "-o", "address", "show", "eth2")).Stdout.Contains($"inet {expected}/", StringComparison.Ordinal),
            "the card of a network that has gone serves the one that waits");
    }

}
