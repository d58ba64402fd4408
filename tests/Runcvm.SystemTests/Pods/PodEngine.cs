using System.Globalization;
using System.Text;

namespace Runcvm.SystemTests.Pods;

/// <summary>A containerd as Kubernetes has it, beside the Docker engine of the test run and in its namespaces: it ends
/// with these.</summary>
internal sealed class PodEngine : IDisposable
{
    private const string Pause = "runcvm-test/pause";

    private readonly DockerEngine _beside;
    private readonly string _folder;

    private PodEngine(DockerEngine beside, string image)
    {
        _beside = beside;
        _folder = Path.Combine(beside.Folder, "pods");
        Image = $"docker.io/{image}:latest";
        Cri = new CriClient(Socket);
    }

    public CriClient Cri { get; }

    public string Image { get; }

    /// <summary>The handler of the runtime under test.</summary>
    public string Handler { get; } = "tested";

    public string Logs => Path.Combine(_folder, "logs");

    public string Cgroup => $"{_beside.Cgroup}/pods";

    private string Socket => Path.Combine(_folder, "containerd.sock");

    /// <summary>Starts it.</summary>
    /// <param name="beside">whose namespaces it has</param>
    /// <param name="image">that containers run, also in place of a pause image: what it says is never run</param>
    public static async Task<PodEngine> StartAsync(DockerEngine beside, string image)
    {
        var engine = new PodEngine(beside, image);
        await engine.StartAsync(image);
        return engine;
    }

    public void Dispose() => Cri.Dispose();

    /// <summary>What it could leave on a host, as one text.</summary>
    public async Task<string> TracesAsync()
    {
        const string Script = """
            ps -e -o comm= | grep -E 'runcvm|qemu|containerd-shim' | sort
            find /run/runcvm -mindepth 1 -not -name '.*' | sort
            ls /run/netns
            """;
        return (await _beside.BesideAsync("sh", "-c", Script)).Text;
    }

    /// <summary>Mounts in the engine's namespace, and descriptors that the engine has open.</summary>
    public async Task<(int Mounts, int Files)> HoldsAsync()
    {
        const string Script = """
            grep -c . /proc/self/mountinfo
            for process in /proc/[0-9]*; do
                if tr '\0' ' ' <$process/cmdline 2>/dev/null | grep -q "^containerd --config $0/"; then
                    ls $process/fd | wc -l
                fi
            done
            """;
        string[] lines = (await _beside.BesideAsync("sh", "-c", Script, _folder)).Text.Split('\n');
        return (int.Parse(lines[0], CultureInfo.InvariantCulture), int.Parse(lines[1], CultureInfo.InvariantCulture));
    }

    private async Task StartAsync(string image)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "cni"));
        Directory.CreateDirectory(Logs);
        await File.WriteAllTextAsync(Path.Combine(_folder, "cni/10-pods.conflist"), Network());
        await File.WriteAllTextAsync(Path.Combine(_folder, "containerd.toml"), Configuration());
        // In the background of a shell that ends: it is a child of the first process of the engine's namespaces then.
        const string Script =
            """exec setsid containerd --config "$0/containerd.toml" >"$0/containerd.log" 2>&1 </dev/null &""";
        (await _beside.BesideAsync("sh", "-c", Script, _folder)).Succeeded();
        string archive = Path.Combine(_folder, "image.tar");
        // containerd wants a pause image that has a command. Under runc that is run.
        string dockerfile = $"FROM {image}\nENTRYPOINT [\"sleep\", \"100000\"]\n";
        byte[] input = Encoding.UTF8.GetBytes(dockerfile);
        (await _beside.Docker.InputAsync(input, null, "build", "-q", "-t", Pause, "-")).Succeeded();
        (await _beside.Docker.RunAsync("save", "-o", archive, image, Pause)).Succeeded();
        await Eventually.TrueAsync(
            async () => (await CtrAsync("images", "import", archive)).ExitCode == 0, "containerd has taken the image");
        File.Delete(archive);
    }

    /// <summary>What a node's administrator has beside a kubelet.</summary>
    public Task<CommandResult> CtrAsync(params string[] arguments)
        => _beside.BesideAsync(["ctr", "--address", Socket, "--namespace", "k8s.io", .. arguments]);

    private string Network() => $$"""
        {"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "{{_beside.Name}}-p",
        "isGateway": true, "ipam": {"type": "host-local", "dataDir": "{{_folder}}/addresses",
        "ranges": [[{"subnet": "10.99.7.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]} }]}
        """;

    private string Configuration() => $"""
        version = 2
        root = "{_folder}/root"
        state = "{_folder}/state"
        [grpc]
          address = "{Socket}"
        [plugins."io.containerd.grpc.v1.cri"]
          sandbox_image = "docker.io/{Pause}:latest"
          restrict_oom_score_adj = true
          disable_apparmor = true
          [plugins."io.containerd.grpc.v1.cri".cni]
            bin_dir = "/usr/lib/cni"
            conf_dir = "{_folder}/cni"
          [plugins."io.containerd.grpc.v1.cri".containerd]
            default_runtime_name = "{Handler}"
            [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{Handler}]
              runtime_type = "io.containerd.runc.v2"
              pod_annotations = ["io.runcvm/*"]
              [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{Handler}.options]
                BinaryName = "{DockerEngine.Runtime}"

        """;
}
