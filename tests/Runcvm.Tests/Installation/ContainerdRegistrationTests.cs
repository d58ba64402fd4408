using Runcvm.Installation;

namespace Runcvm.Tests.Installation;

/// <summary>containerd's configuration on the disk: planned, written, and put back.</summary>
public sealed class ContainerdRegistrationTests : IDisposable
{
    private const string Program = "/opt/here/bin/runcvm";

    private readonly string _folder = Directory.CreateTempSubdirectory("runcvm-containerd").FullName;

    private string Config => Path.Combine(_folder, "new", "config.toml");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Nothing_is_touched_before_it_is_applied()
    {
        Assert.NotNull(ContainerdRegistration.Adding(Program, Config));
        Assert.False(File.Exists(Config));
        Assert.False(Directory.Exists(Path.GetDirectoryName(Config)));
    }

    [Fact]
    public void A_host_without_a_file_gets_one_and_is_told_when_it_counts()
    {
        string told = Add();
        Assert.Contains($"{Config}: added the runtime\n", told, StringComparison.Ordinal);
        Assert.Contains("systemctl restart containerd", told, StringComparison.Ordinal);
        Assert.Contains($"BinaryName = \"{Program}\"", File.ReadAllText(Config), StringComparison.Ordinal);
        Assert.Equal($"{Config} has the runtime already\n", Add());
    }

    [Fact]
    public void What_was_there_is_kept_beside_it_and_comes_back()
    {
        const string Before = "version = 2\n[debug]\n  level = \"debug\"\n";
        Directory.CreateDirectory(Path.GetDirectoryName(Config)!);
        File.WriteAllText(Config, Before);
        Assert.Contains("as it was before today: ", Add(), StringComparison.Ordinal);
        string backup = Assert.Single(
            Directory.GetFiles(Path.GetDirectoryName(Config)!), file => file != Config);
        Assert.Equal(Before, File.ReadAllText(backup));
        Assert.Contains("removed the runtime", Remove(), StringComparison.Ordinal);
        Assert.Equal(Before.TrimEnd('\n'), File.ReadAllText(Config).TrimEnd('\n'));
        Assert.Equal($"{Config} does not have this runtime\n", Remove());
    }

    [Fact]
    public void A_program_that_goes_takes_out_its_own_runtime_and_no_other()
    {
        Assert.Null(ContainerdRegistration.RemovingOwn(Program, Config));
        Add();
        Assert.Null(ContainerdRegistration.RemovingOwn("/elsewhere/bin/runcvm", Config));
        Assert.Contains("removed the runtime",
            Applied(ContainerdRegistration.RemovingOwn(Program, Config)!), StringComparison.Ordinal);
        Assert.Null(ContainerdRegistration.RemovingOwn(Program, Config));
    }

    [Fact]
    public void A_containerd_that_runs_no_pods_is_named()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Config)!);
        File.WriteAllText(Config, "version = 2\ndisabled_plugins = [\"cri\"]\n");
        Assert.Contains("switches off the plugin cri", Add(), StringComparison.Ordinal);
    }

    private string Add() => Applied(ContainerdRegistration.Adding(Program, Config));

    private string Remove() => Applied(ContainerdRegistration.Removing(Config));

    private static string Applied(ContainerdRegistration registration)
    {
        using var output = new StringWriter();
        registration.Apply(output);
        return output.ToString();
    }
}
