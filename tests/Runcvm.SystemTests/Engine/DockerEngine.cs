using System.Diagnostics;

namespace Runcvm.SystemTests.Engine;

/// <summary>The Docker engine of this test run. It ends, with all that it started, when this process does: see engine.sh.</summary>
public sealed class DockerEngine : IAsyncLifetime
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan BootTimeout = TimeSpan.FromSeconds(120);

    // The name is that of network devices as well, which have 15 characters, four of them for a suffix.
    private readonly string _name;
    private readonly string _folder;
    private readonly string? _flags;
    private Process? _script;
    private string _processId = "";

    public DockerEngine()
        : this("", "--experimental") // `docker checkpoint` is behind that
    {
    }

    private DockerEngine(string suffix, string? flags)
    {
        _name = $"rcvm{Environment.ProcessId % 10_000}{suffix}";
        _folder = Path.Combine(Environment.GetEnvironmentVariable("RUNCVM_TEST_FOLDER") ?? "/var/tmp", $"runcvm-tests-{Environment.ProcessId}{suffix}");
        _flags = flags;
    }

    /// <summary>One more engine beside that of the test run.</summary>
    /// <param name="suffix">one letter that no other engine has</param>
    /// <param name="flags">more flags of dockerd</param>
    internal static async Task<DockerEngine> StartAnotherAsync(char suffix, string flags)
    {
        var engine = new DockerEngine(suffix.ToString(), flags);
        await engine.InitializeAsync();
        return engine;
    }

    /// <summary>The runtime under test.</summary>
    public static string Runtime { get; } =
        Environment.GetEnvironmentVariable("RUNCVM_TEST_RUNTIME") ?? "/usr/local/bin/runcvm";

    /// <summary>Whether containers are machines. With runc the tests check themselves, and skip what only a machine can.</summary>
    public static bool RunsMachines => Path.GetFileName(Runtime) != "runc";

    public static string Hypervisor { get; } = Environment.GetEnvironmentVariable("RUNCVM_TEST_HYPERVISOR") ?? "qemu";

    /// <summary>Whether the guests are arm64, which QEMU emulates; see tests/arm64/setup.sh.</summary>
    public static bool IsArm64 { get; } = Environment.GetEnvironmentVariable("RUNCVM_TEST_ARCHITECTURE") == "arm64";

    /// <summary>Whether tests that take minutes or gigabytes run too.</summary>
    public static bool RunsLarge { get; } = Environment.GetEnvironmentVariable("RUNCVM_TEST_LARGE") == "1";

    /// <summary>Whether Firecracker is its test double, and so emulates.</summary>
    public static bool RunsDouble => Hypervisor == "firecracker" && Environment.GetEnvironmentVariable("RUNCVM_TEST_FIRECRACKER_DOUBLE") != null;

    /// <summary>The real Firecracker, or its test double: then a host without KVM will do. Null: the one that the runtime finds.</summary>
    public static string? Firecracker { get; } =
        Environment.GetEnvironmentVariable("RUNCVM_TEST_FIRECRACKER") ?? Environment.GetEnvironmentVariable("RUNCVM_TEST_FIRECRACKER_DOUBLE");

    /// <summary>How machines get their roots unless a test says it: `block` or `share`; null leaves that to the runtime.</summary>
    public static string? RootFileSystem { get; } = Environment.GetEnvironmentVariable("RUNCVM_TEST_ROOTFS");

    /// <summary><c>RUNCVM_ACCEL</c> of the machines; null leaves the choice to the runtime.</summary>
    public static string? Acceleration { get; } = Environment.GetEnvironmentVariable("RUNCVM_ACCEL");

    /// <summary>The command line of this engine.</summary>
    internal Docker Docker { get; private set; } = null!;

    /// <summary>Of its devices and cgroups.</summary>
    internal string Name => _name;

    /// <summary>The first process of the engine's namespaces.</summary>
    internal string ProcessId => _processId;

    internal TestImages Images { get; private set; } = null!;

    /// <summary>All that the engine keeps; gone after the run.</summary>
    internal string Folder => _folder;

    /// <summary>Below this cgroup nothing remains after the run.</summary>
    internal string Cgroup => "/" + _name;

    /// <summary>The engine's own address, which other engines of the run reach.</summary>
    internal async Task<string> AddressAsync()
        => (await BesideAsync("ip", "-4", "-brief", "address", "show", "dev", $"{_name}-in")).Text.Split(' ', StringSplitOptions.RemoveEmptyEntries)[2].Split('/')[0];

    /// <summary>Where the engine keeps images and containers.</summary>
    internal string DataRoot => Path.Combine(_folder, "data");

    /// <summary>Where the low-level runtime keeps what it knows of Docker's containers.</summary>
    internal string RuntimeRoot => Path.Combine(_folder, "exec/runtime-runc/moby");

    public async ValueTask InitializeAsync()
    {
        if (Environment.UserName != "root") throw new InvalidOperationException("the system tests need root");
        if (!File.Exists(Runtime)) throw new InvalidOperationException($"no runtime at {Runtime}: see RUNCVM_TEST_RUNTIME");
        string script = Path.Combine(Repository.Tests, "Engine/engine.sh");
        Directory.CreateDirectory(_folder);
        if (RunsMachines) await File.WriteAllTextAsync(Path.Combine(_folder, "config.toml"), Configuration());
        if (_flags is not null) await File.WriteAllTextAsync(Path.Combine(_folder, "flags"), _flags);

        _script = Command.Start("setsid", ["bash", script, _folder, _name, Runtime]);
        _processId = await _script.StandardOutput.ReadLineAsync().WaitAsync(Patience.Times(StartTimeout))
            ?? throw new InvalidOperationException(await _script.StandardError.ReadToEndAsync());
        Docker = new Docker(Path.Combine(_folder, "docker.sock"));
        Images = new TestImages(Docker);
        await Eventually.TrueAsync(IsReadyAsync, $"Docker engine ready", StartTimeout);
    }

    public async ValueTask DisposeAsync()
    {
        if (_script is null) return;
        _script.StandardInput.Close();
        await _script.WaitForExitAsync().WaitAsync(Patience.Times(StopTimeout));
        _script.Dispose();
    }

    /// <summary>Runs a program of this machine in the namespaces of the engine, as if the engine had the machine to itself.</summary>
    internal Task<CommandResult> BesideAsync(params string[] command)
        => Command.RunAsync("nsenter", ["--target", _processId, "--mount", "--net", "--pid", "--", .. command]);

    private static string Configuration()
    {
        string allow = "allow = [\"share_sockets\"]\n" + (RootFileSystem is { } root ? $"rootfs = \"{root}\"\n" : "");
        // The file takes the place of the host's, which in an emulated host has more patience as well.
        int bootTimeout = (int)Patience.Times(BootTimeout).TotalSeconds;
        if (IsArm64) return $"{allow}boot_timeout = {bootTimeout}\nguest_architecture = \"arm64\"\n";
        if (Hypervisor != "firecracker" || Firecracker is null) return allow;
        bool isDouble = Environment.GetEnvironmentVariable("RUNCVM_TEST_FIRECRACKER") is null;
        return $"{allow}boot_timeout = {bootTimeout}\nfirecracker = \"{Firecracker}\"\n{(isDouble ? "firecracker_is_test_double = true\n" : "")}";
    }

    /// <summary>Kills dockerd, which engine.sh starts again, and waits until it answers.</summary>
    internal async Task CrashAsync()
    {
        (await BesideAsync("sh", "-c", "kill -KILL $(cat \"$0\")", Path.Combine(_folder, "docker.pid"))).Succeeded();
        await Eventually.TrueAsync(IsReadyAsync, "Docker engine ready again", StartTimeout);
    }

    /// <summary>Sets what dockerd can change without a restart.</summary>
    internal async Task ConfigureAsync(string json)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "daemon.json"), json);
        (await BesideAsync("sh", "-c", "kill -HUP $(cat \"$0\")", Path.Combine(_folder, "docker.pid"))).Succeeded();
    }

    private async Task<bool> IsReadyAsync()
    {
        if (_script!.HasExited)
            throw new InvalidOperationException($"the Docker engine ended: {await _script.StandardError.ReadToEndAsync()}");
        return File.Exists(Path.Combine(_folder, "docker.sock")) && (await Docker.RunAsync("version")).ExitCode == 0;
    }
}
