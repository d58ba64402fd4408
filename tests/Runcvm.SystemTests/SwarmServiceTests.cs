namespace Runcvm.SystemTests;

/// <summary>Two engines whose default runtime is RunCVM: a swarm's services are machines then, for they cannot choose a runtime.</summary>
public class SwarmServiceTests(DockerEngine engine) : MachineTest(engine)
{
    private static readonly TimeSpan TaskTimeout = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Tasks_of_a_service_on_two_nodes_are_machines_that_reach_each_other_by_name()
    {
        OnlyMachines();
        string archive = Path.Combine(Engine.Folder, "swarm-image.tar");
        (await Docker.RunAsync("save", "-o", archive, Busybox)).Succeeded();
        const string Configuration = "--default-runtime runcvm";
        await using DockerEngine manager = await DockerEngine.StartAnotherAsync('m', Configuration);
        await using DockerEngine worker = await DockerEngine.StartAnotherAsync('w', Configuration);
        foreach (DockerEngine node in (DockerEngine[])[manager, worker]) (await node.Docker.RunAsync("load", "-i", archive)).Succeeded();

        string address = await manager.AddressAsync();
        (await manager.Docker.RunAsync("swarm", "init", "--advertise-addr", address)).Succeeded();
        string token = (await manager.Docker.RunAsync("swarm", "join-token", "--quiet", "worker")).Text;
        (await worker.Docker.RunAsync("swarm", "join", "--token", token, $"{address}:2377")).Succeeded();
        (await manager.Docker.RunAsync("network", "create", "--driver", "overlay", "between")).Succeeded();
        // Not a virtual address, for which this kernel may lack IPVS.
        (await manager.Docker.WithinAsync(TaskTimeout, "service", "create", "--detach", "--name", "web", "--mode", "global", "--endpoint-mode", "dnsrr", "--network", "between",
            "--no-resolve-image", "--stop-grace-period", "1s", "--env", $"RUNCVM_HYPERVISOR={DockerEngine.Hypervisor}", "--hostname", "{{.Node.ID}}", Busybox,
            "sh", "-c", "mkdir /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www")).Succeeded();

        string[] nodes = [await NodeIdAsync(manager), await NodeIdAsync(worker)];
        foreach (DockerEngine node in (DockerEngine[])[manager, worker])
        {
            string task = await TaskAsync(node);
            Assert.NotEqual((await Engine.BesideAsync("uname", "-r")).Text, (await node.Docker.RunAsync("exec", task, "uname", "-r")).Text);
            await Eventually.TrueAsync(async () => (await PagesAsync(node, task)).Order(StringComparer.Ordinal).SequenceEqual(nodes.Order(StringComparer.Ordinal)), "both pages", TaskTimeout);
        }

        (await manager.Docker.RunAsync("service", "rm", "web")).Succeeded();
    }

    private static async Task<string> NodeIdAsync(DockerEngine node) => (await node.Docker.RunAsync("info", "--format", "{{.Swarm.NodeID}}")).Text;

    private static async Task<string> TaskAsync(DockerEngine node)
    {
        string task = "";
        await Eventually.TrueAsync(async () => (task = (await node.Docker.RunAsync("ps", "--quiet", "--filter", "status=running")).Text).Length > 0, "a task runs", TaskTimeout);
        return task;
    }

    // What the servers of all tasks say.
    private static async Task<string[]> PagesAsync(DockerEngine node, string task) => (await node.Docker.RunAsync("exec", task, "sh", "-c",
        "for a in $(nslookup -type=a web | sed -n '/^Name/,$ s/^Address: //p'); do timeout 10 wget -q -O - http://$a/; done")).Stdout
        .Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
