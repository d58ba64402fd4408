namespace Runcvm.SystemTests;

/// <summary>Machines that go on from the moment of another one.</summary>
public class TemplateTests(DockerEngine engine) : MachineTest(engine)
{
    private const string Name = "counting";
    private const string Forbidden = "secret";

    // What it knows is in its memory and on its disk, and it draws a random number each time.
    private const string Counting = """
        i=0
        while true; do
            i=$((i + 1)); echo $i > /count
            echo "$i $(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' ')" >> /drawn
            [ $i = 3 ] && echo ready
            sleep 0.1
        done
        """;

    private static readonly string[] Machine = [.. RootOnDisk, "-m", "160M", "-e", "RUNCVM_LOG_LEVEL=INFO"];

    public override async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(DockerEngine.RunsMachines && DockerEngine.Hypervisor == "qemu", "QEMU has templates");
        await base.InitializeAsync();
        const string Allow = "grep -q ^templates /etc/runcvm/config.toml || "
            + $"echo 'templates = [\"{Name}\"]' >> /etc/runcvm/config.toml";
        (await Engine.BesideAsync("sh", "-c", Allow)).Succeeded();
    }

    [Fact]
    public async Task Clones_go_on_from_one_moment_as_machines_of_their_own()
    {
        string original = await StartAsync([.. Machine, "--hostname", "original", Busybox, "sh", "-c", Counting]);
        await LoggedAsync(original, "ready");
        string id = (await Docker.RunAsync("inspect", "-f", "{{.Id}}", original)).Succeeded().Text;
        CommandResult made = await TemplateAsync("create", Name, id);
        Assert.SkipWhen(made.Stderr.Contains("only machines of QEMU without KVM", StringComparison.Ordinal), "KVM");
        made.Succeeded();
        try
        {
            int count = await CountAsync(original);
            await Eventually.TrueAsync(async () => await CountAsync(original) > count, "the original that goes on");
            Assert.Contains(Name, (await TemplateAsync("list", "--json")).Succeeded().Text, StringComparison.Ordinal);
            string[] clones = [await CloneAsync("one"), await CloneAsync("two")];
            foreach (string clone in clones)
            {
                // It has counted before, and goes on.
                int first = await CountAsync(clone);
                Assert.True(first > 3, $"it begins with {first}");
                await Eventually.TrueAsync(async () => await CountAsync(clone) > first, "a clone that goes on");
            }

            string[] machines = [original, .. clones];
            // What each draws at the same step after the moment from which they go on.
            int step = 1 + (await Task.WhenAll(machines.Select(CountAsync))).Max();
            string drawn = $"until grep '^{step} ' /drawn; do sleep 0.1; done";
            foreach (string look in (string[])["cat /etc/hostname; hostname", "ip -4 address show eth0", drawn,
                "cat /sys/class/net/eth0/address", "tail -1 /etc/hosts"])
            {
                string[] seen = await Task.WhenAll(machines.Select(
                    async machine => (await ExecAsync(machine, "sh", "-c", look)).Succeeded().Text));
                Assert.Equal(machines.Length, seen.Distinct().Count());
            }

            const string Address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
            string address = (await Docker.RunAsync("inspect", "-f", Address, clones[0])).Succeeded().Text;
            (await ExecAsync(clones[1], "ping", "-c", "1", "-W", "5", address)).Succeeded();
            (await Docker.RunAsync("stop", "-t", "1", clones[0])).Succeeded();
            // From now on its disk is its own.
            await ExecAsync(clones[1], "sh", "-c", "echo mine > /mine; sync");
            (await Docker.RunAsync("restart", "-t", "1", clones[1])).Succeeded();
            Assert.Equal("mine", (await ExecAsync(clones[1], "cat", "/mine")).Succeeded().Text);
            await RefusedAsync();
        }
        finally
        {
            (await TemplateAsync("remove", Name)).Succeeded();
        }

        await AssertRefusedAsync($"there is no template {Name}", "-e", $"RUNCVM_TEMPLATE={Name}", Busybox, "true");
    }

    private async Task RefusedAsync()
    {
        string[] template = ["-e", $"RUNCVM_TEMPLATE={Name}"];
        string[] usual = [Busybox, "sh", "-c", Counting];
        await AssertRefusedAsync("containers may not use", ["-e", $"RUNCVM_TEMPLATE={Forbidden}", .. usual]);
        await AssertRefusedAsync("vCPUs: it has", [.. template, "-e", "RUNCVM_CPUS=1", .. usual]);
        await AssertRefusedAsync("command", [.. template, Busybox, "true"]);
        await AssertRefusedAsync("no volumes", [.. template, "-v", "/data", .. usual]);
        // The same length, and no machine any more.
        const string Spoil = "f=/var/lib/runcvm/templates/$0/memory; n=$(stat -c %s $f); "
            + "truncate -s 1000000 $f; truncate -s $n $f";
        (await Engine.BesideAsync("sh", "-c", Spoil, Name)).Succeeded();
        await AssertRefusedAsync("could not be loaded", [.. template, .. usual]);
    }

    private async Task AssertRefusedAsync(string reason, params string[] arguments)
        => (await RunAsync([.. Machine, .. arguments])).Refused(reason);

    private async Task<string> CloneAsync(string host) => await StartAsync(
        [.. Machine, "-e", $"RUNCVM_TEMPLATE={Name}", "--hostname", host, Busybox, "sh", "-c", Counting]);

    private async Task<int> CountAsync(string machine)
    {
        string text = "";
        // It may be between two numbers.
        await Eventually.TrueAsync(
            async () => (text = (await ExecAsync(machine, "cat", "/count")).Succeeded().Text).Length > 0, "a number");
        return int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
    }

    private Task<CommandResult> TemplateAsync(params string[] arguments)
        => Engine.BesideAsync([DockerEngine.Runtime, "template", .. arguments]);
}
