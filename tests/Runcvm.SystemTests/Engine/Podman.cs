namespace Runcvm.SystemTests.Engine;

/// <summary>The `podman` command line, in the namespaces of the run's engine and with all its files in that engine's folder.</summary>
internal sealed class Podman(DockerEngine engine)
{
    private readonly string _folder = Path.Combine(engine.Folder, "podman");

    /// <summary>The arguments of `podman run` and `create` that choose a place for the cgroups, which goes with the run, and the hypervisor.</summary>
    public IEnumerable<string> RunArguments =>
    [
        "--cgroup-parent", engine.Cgroup,
        .. DockerEngine.RunsMachines ? ["-e", $"RUNCVM_HYPERVISOR={DockerEngine.Hypervisor}"] : (string[])[],
    ];

    /// <summary>Where its images and containers lie.</summary>
    public string Storage => _folder + "/root";

    public Task<CommandResult> RunAsync(params string[] arguments) => engine.BesideAsync(Line(arguments));

    /// <summary>With another file as the runtime's configuration.</summary>
    public Task<CommandResult> ConfiguredAsync(string configuration, params string[] arguments) => engine.BesideAsync(
    [
        "unshare", "--mount", "sh", "-ec", "mkdir -p /etc/runcvm; mount -t tmpfs tmpfs /etc/runcvm; echo \"$0\" >/etc/runcvm/config.toml; exec \"$@\"", configuration, .. Line(arguments),
    ]);

    /// <summary>At a terminal.</summary>
    public Task<CommandResult> AtTerminalAsync(params string[] arguments)
        => engine.BesideAsync("script", "--quiet", "--return", "--command", string.Join(' ', Line(arguments).Select(static word => $"'{word}'")), "/dev/null");

    /// <summary>Makes an image of Docker's one of Podman's.</summary>
    public async Task<string> ImageAsync(string image)
    {
        string archive = Path.Combine(engine.Folder, "podman-image.tar");
        (await engine.Docker.RunAsync("save", "-o", archive, image)).Succeeded();
        (await RunAsync("load", "-i", archive)).Succeeded();
        File.Delete(archive);
        return image;
    }

    private string[] Line(string[] arguments) =>
    [
        "podman", "--root", Storage, "--runroot", _folder + "/run", "--tmpdir", _folder + "/tmp", "--network-config-dir", _folder + "/networks",
        "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", DockerEngine.Runtime, .. arguments,
    ];
}
