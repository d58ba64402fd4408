namespace Runcvm.SystemTests.Engine;

/// <summary>What tests of machines have in common: names that cannot meet, and nothing left over.</summary>
public abstract class MachineTest(DockerEngine engine) : IAsyncLifetime
{
    private readonly List<string> _names = [];
    private readonly List<string> _networks = [];
    private static int Count;

    protected DockerEngine Engine { get; } = engine;

    private protected Docker Docker => Engine.Docker;

    protected string Busybox { get; private set; } = "";

    public virtual async ValueTask InitializeAsync() => Busybox = await Engine.Images.BusyboxAsync();

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_names.Count > 0) await Docker.RunAsync(["rm", "--force", "--volumes", .. _names]);
        if (_networks.Count > 0) await Docker.RunAsync(["network", "rm", .. _networks]);
    }

    /// <summary>A container name that is removed after the test.</summary>
    protected string NewName(string start = "test")
    {
        _names.Add($"{start}-{Interlocked.Increment(ref Count)}");
        return _names[^1];
    }

    /// <summary>A network that is removed after the test.</summary>
    protected async Task<string> NewNetworkAsync(params string[] flags)
    {
        string name = $"net-{Interlocked.Increment(ref Count)}";
        (await Docker.RunAsync(["network", "create", .. flags, name])).Succeeded();
        _networks.Add(name);
        return name;
    }

    /// <summary>`docker run -d` under runc; gives the container's name.</summary>
    protected async Task<string> StartContainerAsync(string name, params string[] arguments)
    {
        (await Docker.RunAsync(["run", "-d", "--name", name, "--runtime=runc", .. arguments])).Succeeded();
        return name;
    }

    /// <summary>`docker run --rm` with the runtime under test.</summary>
    protected Task<CommandResult> RunAsync(params string[] arguments) => InputAsync(null, arguments);

    /// <summary>The same with standard input, which ends after <paramref name="input"/>.</summary>
    protected Task<CommandResult> InputAsync(byte[]? input, params string[] arguments)
        => Docker.InputAsync(input, null, ["run", "--rm", .. RuntimeArguments, .. arguments]);

    /// <summary>`docker run -d` with the runtime under test; gives the container's name.</summary>
    protected async Task<string> StartAsync(params string[] arguments) => await StartNamedAsync(NewName(), arguments);

    protected async Task<string> StartNamedAsync(string name, params string[] arguments)
    {
        (await Docker.RunAsync(["run", "-d", "--name", name, .. RuntimeArguments, .. arguments])).Succeeded();
        return name;
    }

    /// <summary>The arguments of `docker run` and `docker create` that choose the runtime under test.</summary>
    protected static string[] RuntimeArguments { get; } = DockerEngine.RunsMachines
        ?
        [
            "--runtime=runcvm", "-e", $"RUNCVM_HYPERVISOR={DockerEngine.Hypervisor}",
            .. DockerEngine.Acceleration is { } acceleration ? (string[])["-e", $"RUNCVM_ACCEL={acceleration}"] : [],
        ]
        : ["--runtime=runcvm"];

    /// <summary>Arguments of `docker run` for a root on an image of the layers and a disk, whatever is usual.</summary>
    protected static string[] RootOnDisk { get; } = ["-e", "RUNCVM_ROOTFS=block"];

    protected Task<CommandResult> ExecAsync(string name, params string[] command)
        => Docker.RunAsync(["exec", name, .. command]);

    protected async Task<int> WaitAsync(string name)
        => int.Parse((await Docker.RunAsync("wait", name)).Text, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Until the container has written <paramref name="text"/>; one that has ended will not any more.</summary>
    protected async Task LoggedAsync(string name, string text, TimeSpan? within = null)
    {
        string logs = "";
        await Eventually.TrueAsync(
            async () =>
            {
                bool ended = await Docker.InspectAsync(name, "{{.State.Status}}") == "exited";
                CommandResult now = await Docker.RunAsync("logs", name);
                logs = now.Stdout + now.Stderr;
                bool logged = now.Stdout.Contains(text, StringComparison.Ordinal);
                if (ended && !logged) Assert.Fail($"{name} has ended without '{text}' in its logs, which are: {logs}");
                return logged;
            },
            $"'{text}' in the logs of {name}", within, () => logs);
    }

    /// <summary>A number out of a file of the container's cgroup, whichever version of them the host has.</summary>
    protected async Task<string> OfCgroupAsync(string name, string file, string program, string otherFile = "-")
    {
        string id = await Docker.InspectAsync(name, "{{.Id}}");
        const string Script = """
            find /sys/fs/cgroup -path /sys/fs/cgroup/unified -prune -o \
                '(' -path "*/$0/$1" -o -path "*/$0/$3" ')' -print | head -n 1 | xargs awk "$2"
            """;
        return (await Engine.BesideAsync("sh", "-c", Script, id, file, program, otherFile)).Text;
    }

    protected static void OnlyMachines() => Assert.SkipUnless(DockerEngine.RunsMachines, "only holds for machines");

    /// <summary>Everything that a machine could leave on a host, as one text.</summary>
    private protected async Task<string> TracesAsync()
    {
        const string Script = """
            ps -e -o comm= | grep -E 'runcvm|qemu|firecracker|containerd-shim' | sort
            awk '{print $5}' /proc/self/mountinfo | sort
            ls /sys/class/net
            ls /run/runcvm
            ls "$0/overlay2"
            ls "$0/containers"
            find /sys/fs/cgroup -regextype posix-extended -type d -regex ".*/$1/[0-9a-f]{64}" | sort
            """;
        return (await Engine.BesideAsync("sh", "-c", Script, Engine.DataRoot, Engine.Name)).Text;
    }

    /// <summary>Until there is what there was before: Docker answers before its shim has ended.</summary>
    private protected async Task NothingLeftAsync(string before)
    {
        string now = "";
        try
        {
            await Eventually.TrueAsync(async () => (now = await TracesAsync()) == before, "as before");
        }
        catch (Xunit.Sdk.FailException)
        {
            Assert.Equal(before, now);
        }
    }
}
