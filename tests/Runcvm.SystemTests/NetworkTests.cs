using System.Globalization;

namespace Runcvm.SystemTests;

[Proves("--network", "--publish", "--mac-address")]
public class NetworkTests(DockerEngine engine) : MachineTest(engine)
{
    [Fact]
    public async Task Addresses_are_those_that_docker_inspect_shows()
    {
        string name = await StartAsync(Busybox, "sleep", "1000");
        string address = await Docker.InspectAsync(name, "{{.NetworkSettings.IPAddress}}/{{.NetworkSettings.IPPrefixLen}}");
        string mac = await Docker.InspectAsync(name, "{{.NetworkSettings.MacAddress}}");
        string gateway = await Docker.InspectAsync(name, "{{.NetworkSettings.Gateway}}");
        string shown = (await ExecAsync(name, "ip", "address", "show", "eth0")).Text;
        Assert.Contains($"inet {address} ", shown, StringComparison.Ordinal);
        Assert.Contains($"link/ether {mac} ", shown, StringComparison.Ordinal);
        Assert.Contains("mtu 1500 ", shown, StringComparison.Ordinal);
        Assert.Contains($"default via {gateway} dev eth0", (await ExecAsync(name, "ip", "route")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_network_there_is_only_the_loopback_device()
        => Assert.Equal("lo", (await RunAsync("--network", "none", Busybox, "sh", "-c", "ls /sys/class/net | grep -v -e tunl -e sit -e ip6tnl")).Text);

    [Fact]
    public async Task The_loopback_address_answers()
        => (await RunAsync(Busybox, "ping", "-c", "1", "-W", "5", "127.0.0.1")).Succeeded();

    [Fact]
    public async Task A_published_port_answers_on_the_host()
    {
        string name = await StartServerAsync("published", "-p", "8080:80");
        await Eventually.TrueAsync(
            async () => (await Engine.BesideAsync("curl", "-s", "-m", "2", "http://127.0.0.1:8080/page")).Stdout == "published\n",
            $"{name} answers at its published port");
    }

    [Fact]
    public async Task One_container_reaches_another_and_a_whole_megabyte_arrives()
    {
        string name = await StartServerAsync("neighbour");
        (await ExecAsync(name, "sh", "-c", "head -c 1000000 /dev/urandom > /www/large")).Succeeded();
        string address = await Docker.InspectAsync(name, "{{.NetworkSettings.IPAddress}}");
        string expected = (await ExecAsync(name, "md5sum", "/www/large")).Text.Split(' ')[0];
        CommandResult fetched = await RunAsync(Busybox, "sh", "-c", $"wget -q -O - http://{address}/large | md5sum");
        Assert.Equal(expected, fetched.Text.Split(' ')[0]);
    }

    [Fact]
    public async Task The_outside_answers_by_name()
        => Assert.Contains("Address", (await RunAsync(Busybox, "nslookup", "deb.debian.org")).Text, StringComparison.Ordinal);

    [Fact]
    public async Task Containers_of_a_network_find_each_other_by_name()
    {
        string network = NewName("network");
        (await Docker.RunAsync("network", "create", network)).Succeeded();
        string name = await StartServerAsync("by name", "--network", network);
        CommandResult page = await RunAsync("--network", network, Busybox, "wget", "-q", "-O", "-", $"http://{name}/page");
        await Docker.RunAsync("rm", "--force", name);
        await Docker.RunAsync("network", "rm", network);
        Assert.Equal("by name", page.Text);
    }

    [Fact]
    public async Task A_hardware_address_can_be_chosen()
    {
        CommandResult result = await RunAsync("--mac-address", "02:42:ac:11:22:33", Busybox, "cat", "/sys/class/net/eth0/address");
        Assert.SkipWhen(result.Stderr.Contains("requires API version", StringComparison.Ordinal), "this engine is older than its client");
        Assert.Equal("02:42:ac:11:22:33", result.Text);
    }

    private async Task<string> StartServerAsync(string answer, params string[] flags)
    {
        string script = string.Create(CultureInfo.InvariantCulture,
            $"mkdir /www; echo '{answer}' > /www/page; httpd -p 80 -h /www; echo serving; exec sleep 1000");
        string name = await StartAsync([.. flags, Busybox, "sh", "-c", script]);
        await LoggedAsync(name, "serving");
        return name;
    }
}
