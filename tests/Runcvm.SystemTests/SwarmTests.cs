using System.Text.RegularExpressions;

namespace Runcvm.SystemTests;

/// <summary>Three machines, each a node of a Docker swarm. Three Docker engines at once are too much for the usual run:
/// RUNCVM_TEST_LARGE=1.</summary>
public class SwarmTests(DockerEngine engine) : MachineTest(engine)
{
    private static readonly TimeSpan Patient = TimeSpan.FromMinutes(4);
    private readonly List<string> _nodes = [];

    // The overlay network's packets of up to 1500 bytes do not fit through links of 1400: they come in fragments.
    [Fact]
    public async Task A_service_answers_on_every_node_of_a_swarm_of_machines_and_heals_when_one_is_killed()
    {
        OnlyMachines();
        Assert.SkipUnless(DockerEngine.RunsLarge, "three Docker engines: RUNCVM_TEST_LARGE=1 runs it");
        string network = await NewNetworkAsync("-o", "com.docker.network.driver.mtu=1400", "--subnet", "10.66.20.0/24");
        for (int i = 0; i < 3; i++)
        {
            string name = NewName("node");
            _nodes.Add(await StartNamedAsync(name, "--network", network, "--hostname", name, "-m", "640m", await Engine.Images.DockerInDockerAsync(), "dockerd"));
        }

        byte[] inner = await TestImages.InnerImageAsync();
        foreach (string node in _nodes)
        {
            await Eventually.TrueAsync(async () => (await ExecAsync(node, "docker", "version")).ExitCode == 0, $"Docker runs in {node}", Patient);
            (await Docker.InputAsync(inner, Patient, "exec", "-i", node, "docker", "import", "-", "web")).Succeeded();
        }

        await JoinAsync();
        await SwarmAsync("docker", "service", "create", "--detach", "--name", "web", "--replicas", "3", "--publish", "8080:80", "--no-resolve-image",
            "--restart-delay", "1s", "web", "sh", "-c", "mkdir /www; hostname >/www/page; head -c 300000 /dev/zero >/www/large; exec httpd -f -h /www");
        await Eventually.TrueAsync(async () => await ReplicasAsync() == "3/3", "three replicas run", Patient);
        Assert.Equal(3, (await RunningOnAsync()).Distinct().Count());
        foreach (string node in _nodes) await AnswersAsync(node, replicas: 3);

        (await Docker.RunAsync("kill", _nodes[2])).Succeeded();
        _nodes.RemoveAt(2);
        await Eventually.TrueAsync(
            async () => await RunningOnAsync() is { Length: 3 } running && !running.Except(_nodes).Any(), "three replicas run on two nodes", Patient);
        foreach (string node in _nodes) await AnswersAsync(node, replicas: 3);
    }

    private async Task JoinAsync()
    {
        string address = await Docker.InspectAsync(_nodes[0], "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
        await SwarmAsync("docker", "swarm", "init", "--advertise-addr", address);
        string token = (await SwarmAsync("docker", "swarm", "join-token", "-q", "manager")).Text;
        foreach (string node in _nodes.Skip(1))
            (await Docker.WithinAsync(Patient, "exec", node, "docker", "swarm", "join", "--token", token, _nodes[0] + ":2377")).Succeeded();
    }

    /// <summary>At the node's own address, from outside: by turns from each replica, wherever that runs, and in one piece.</summary>
    private async Task AnswersAsync(string node, int replicas)
    {
        string address = await Docker.InspectAsync(node, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
        var hosts = new HashSet<string>();
        await Eventually.TrueAsync(
            async () =>
            {
                CommandResult page = await Engine.BesideAsync("curl", "-sm", "5", $"http://{address}:8080/page");
                if (Regex.IsMatch(page.Stdout, "^[0-9a-f]{12}\n$")) hosts.Add(page.Stdout);
                return hosts.Count == replicas;
            },
            $"{replicas} replicas answer at {node}", Patient);
        string size = (await Engine.BesideAsync(
            "sh", "-c", $"for i in 1 2 3; do curl -sm 30 -o /dev/null -w '%{{size_download}} ' http://{address}:8080/large; done")).Text;
        Assert.Equal("300000 300000 300000 ", size);
    }

    private async Task<string> ReplicasAsync() => (await SwarmAsync("docker", "service", "ls", "--format", "{{.Replicas}}")).Text;

    /// <summary>The nodes of the tasks that run, as the swarm sees it.</summary>
    private async Task<string[]> RunningOnAsync()
    {
        CommandResult tasks = await Docker.WithinAsync(Patient, "exec", _nodes[0], "docker", "service", "ps", "--filter", "desired-state=running", "--format", "{{.Node}} {{.CurrentState}}", "web");
        // While the managers choose a new leader nobody answers.
        return [.. tasks.Stdout.Split('\n').Where(static line => line.Contains(" Running ", StringComparison.Ordinal)).Select(static line => line.Split(' ')[0])];
    }

    private async Task<CommandResult> SwarmAsync(params string[] command)
        => (await Docker.WithinAsync(Patient, ["exec", _nodes[0], .. command])).Succeeded();
}
