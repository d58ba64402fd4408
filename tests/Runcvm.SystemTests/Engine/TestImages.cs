using System.Security.Cryptography;
using System.Text;

namespace Runcvm.SystemTests.Engine;

/// <summary>The images that tests run. Built once and kept as archives under a name made of their recipe.</summary>
internal sealed class TestImages(Docker docker)
{
    private const string Prefix = "runcvm-test/";

    // Where tests/arm64/setup.sh puts it.
    private const string ArmBusybox = "/usr/local/lib/runcvm-tests/busybox-arm64";

    private static readonly TimeSpan BuildTimeout = TimeSpan.FromMinutes(10);

    private readonly string _cache = Environment.GetEnvironmentVariable("RUNCVM_TEST_CACHE") ?? "/var/cache/runcvm-tests";
    private readonly Dictionary<string, string> _recipes = [];

    /// <summary>Only busybox; users root and app (1000).</summary>
    public Task<string> BusyboxAsync()
        => HaveAsync(DockerEngine.IsArm64 ? "busybox-arm64" : "busybox", [Example("busybox.sh")], BuildBusyboxAsync);

    /// <summary>A small Debian for arm64, whose packages are unpacked and not configured: that takes an arm64 processor. The image does not
    /// say what it is for, since Docker 20.10 cannot import it so.</summary>
    public Task<string> DebianArm64Async() => HaveAsync("debian-arm64", [ArmFile("debian.sh")], BuildDebianArm64Async);

    /// <summary>Debian with python3, iproute2, procps and curl; user app (1000), also in the group staff (50).</summary>
    public async Task<string> DebianAsync() => await DockerfileAsync("debian", await BaseAsync());

    /// <summary>Debian with PostgreSQL and git.</summary>
    public async Task<string> PostgresAsync() => await DockerfileAsync("postgres", await BaseAsync());

    /// <summary>Debian with nginx, PostgreSQL, and Python that speaks to it.</summary>
    public async Task<string> ServicesAsync() => await DockerfileAsync("services", await DebianAsync());

    /// <summary>Debian with SQLite.</summary>
    public async Task<string> SqliteAsync() => await DockerfileAsync("sqlite", await BaseAsync());

    /// <summary>Debian with MariaDB.</summary>
    public async Task<string> MariaDbAsync() => await DockerfileAsync("mariadb", await BaseAsync());

    public async Task<string> LayersAsync() => await DockerfileAsync("layers", await DebianAsync());

    public async Task<string> ManyFilesAsync(int count)
        => await DockerfileAsync("files", await DebianAsync(), count.ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Files that copies of a file system tend to lose.</summary>
    public async Task<string> OdditiesAsync()
    {
        string debian = await DebianAsync();
        return await HaveAsync("oddities", [Recipe("oddities.py"), _recipes[debian]], () => BuildOdditiesAsync(debian));
    }

    /// <summary>systemd and a Docker engine: the example, on Debian.</summary>
    public async Task<string> DockerInDockerAsync()
    {
        string @base = await BaseAsync();
        return await HaveAsync("dind", [Example("Dockerfile"), _recipes[@base]], () => docker.WithinAsync(
            BuildTimeout, "build", "-q", "-t", Prefix + "dind", "--build-arg", $"BASE={@base}", Folder("examples/dind")));
    }

    /// <summary>The root file system that stands in for Alpine's, as `docker import` takes it.</summary>
    public static async Task<byte[]> InnerImageAsync()
        => (await Command.RunAsync(Path.Combine(Folder("examples/dind"), "busybox.sh"), [])).Succeeded().Output;

    private static string Folder(string path) => Path.Combine(Repository.Root, path);

    private static string Example(string name) => File.ReadAllText(Path.Combine(Folder("examples/dind"), name));

    private static string Recipe(string name) => File.ReadAllText(Path.Combine(Repository.Tests, "Images", name));

    private Task<string> BaseAsync() => HaveAsync("base", [Example("base.sh")], BuildBaseAsync);

    private Task<string> DockerfileAsync(string name, string from, string files = "")
        => HaveAsync(name, [Recipe($"{name}/Dockerfile"), _recipes[from], files], () => docker.WithinAsync(
            BuildTimeout, ["build", "-q", "-t", Prefix + name, .. files.Length > 0 ? (string[])["--build-arg", $"FILES={files}"] : [], Path.Combine(Repository.Tests, "Images", name)]));

    private static string ArmFile(string name) => File.ReadAllText(Path.Combine(Folder("tests/arm64"), name));

    private async Task<CommandResult> BuildBusyboxAsync()
    {
        if (!DockerEngine.IsArm64) return await docker.InputAsync(await InnerImageAsync(), null, "import", "-", Prefix + "busybox");
        CommandResult archive = await Command.RunAsync(Path.Combine(Folder("examples/dind"), "busybox.sh"), [ArmBusybox]);
        return await docker.InputAsync(archive.Succeeded().Output, null, "import", "-", Prefix + "busybox-arm64");
    }

    private async Task<CommandResult> BuildDebianArm64Async()
    {
        CommandResult archive = await Command.RunAsync(Path.Combine(Folder("tests/arm64"), "debian.sh"), [], timeout: BuildTimeout);
        return await docker.InputAsync(archive.Succeeded().Output, BuildTimeout, "import", "-", Prefix + "debian-arm64");
    }

    private async Task<CommandResult> BuildBaseAsync()
    {
        string script = Path.Combine(Folder("examples/dind"), "base.sh");
        CommandResult archive = await Command.RunAsync(script, [], timeout: BuildTimeout);
        return await docker.InputAsync(archive.Succeeded().Output, BuildTimeout, "import", "-", Prefix + "base");
    }

    private async Task<CommandResult> BuildOdditiesAsync(string debian)
    {
        byte[] script = Encoding.UTF8.GetBytes(Recipe("oddities.py"));
        CommandResult archive = await docker.InputAsync(script, BuildTimeout, "run", "--rm", "-i", debian, "python3", "-");
        return await docker.InputAsync(archive.Succeeded().Output, BuildTimeout, "import", "-", Prefix + "oddities");
    }

    private async Task<string> HaveAsync(string name, string[] recipe, Func<Task<CommandResult>> build)
    {
        string tag = Prefix + name;
        if (_recipes.ContainsKey(tag)) return tag;
        string key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(recipe))))[..12];
        string archive = Path.Combine(_cache, $"{name}-{key}.tar");
        if (File.Exists(archive))
        {
            (await docker.WithinAsync(BuildTimeout, "load", "-i", archive)).Succeeded();
        }
        else
        {
            (await build()).Succeeded();
            Directory.CreateDirectory(_cache);
            string unfinished = $"{archive}.{Environment.ProcessId}";
            (await docker.WithinAsync(BuildTimeout, "save", "-o", unfinished, tag)).Succeeded();
            foreach (string stale in Directory.GetFiles(_cache, $"{name}-????????????.tar")) File.Delete(stale);
            File.Move(unfinished, archive);
        }

        _recipes[tag] = key;
        return tag;
    }
}
