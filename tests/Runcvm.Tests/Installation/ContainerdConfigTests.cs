using System.Diagnostics;
using Runcvm.Installation;

namespace Runcvm.Tests.Installation;

/// <summary>Our runtime in containerd's configuration, and out of it.</summary>
public sealed class ContainerdConfigTests
{
    private const string Program = "/opt/here/bin/runcvm";
    private const string File = "config.toml";
    private const string Old = "io.containerd.grpc.v1.cri";
    private const string New = "io.containerd.cri.v1.runtime";

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("\n")]
    public void A_missing_or_empty_file_gets_the_runtime_alone(string? text)
    {
        string made = With(text);
        Assert.StartsWith("version = 2\n", made, StringComparison.Ordinal);
        Assert.Contains($"[plugins.\"{Old}\".containerd.runtimes.runcvm]\n", made, StringComparison.Ordinal);
        Assert.Contains($"BinaryName = \"{Program}\"\n", made, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("version = 2\n[plugins]\n  [plugins.\"x\"]\n    a = 1\n", Old)]
    [InlineData("# mine\nversion=3 # new\n\n[grpc]\n  address = '/run/c.sock'", New)]
    public void What_is_there_stays_and_comes_back(string text, string plugin)
    {
        string made = With(text);
        Assert.StartsWith(text, made, StringComparison.Ordinal);
        Assert.Contains($"[plugins.\"{plugin}\".containerd.runtimes.runcvm.options]", made, StringComparison.Ordinal);
        Assert.Null(ContainerdConfig.WithRuntime(made, Program, File));
        Assert.Equal(text.TrimEnd('\n'), ContainerdConfig.WithoutRuntime(made, File)!.TrimEnd('\n'));
        Assert.Null(ContainerdConfig.WithoutRuntime(text, File));
        Assert.Null(ContainerdConfig.WithoutRuntime(null, File));
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("version = 2\n[debug]\n", true)]
    [InlineData("version = 2\n# [plugins.'x'.containerd.runtimes.runc]\n", true)]
    [InlineData("version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n", false)]
    [InlineData("version = 2\n[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes]\n", false)]
    public void Where_no_runtime_is_named_runc_is_too_or_containerd_would_forget_it(string? text, bool isNamed)
        => Assert.Equal(isNamed, With(text)[(text?.Length ?? 0)..].Contains(
            $"[plugins.\"{Old}\".containerd.runtimes.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n",
            StringComparison.Ordinal));

    [Fact]
    public void What_the_administrator_wrote_behind_it_stays()
    {
        string made = With("version = 2\n") + "\n[debug]\n  level = \"debug\"\n";
        Assert.EndsWith(
            "\n[debug]\n  level = \"debug\"\n", ContainerdConfig.WithoutRuntime(made, File), StringComparison.Ordinal);
        string moved = ContainerdConfig.WithRuntime(made, "/elsewhere/runcvm", File)!;
        Assert.DoesNotContain(Program, moved, StringComparison.Ordinal);
        Assert.Contains("[debug]", moved, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[plugins.cri]\n", "version 1")]
    [InlineData("version = 1\n", "version 1")]
    [InlineData("version = 4\n", "version 4")]
    [InlineData("[plugins]\nversion = 2\n", "version 1")]
    [InlineData("version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runcvm]\n", "did not write")]
    [InlineData(
        "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.'runcvm']\n", "did not write")]
    [InlineData("version = 2\n[ plugins.'x' . containerd . runtimes . runcvm ]\n", "did not write")]
    [InlineData("version = 2\n[plugins.'x'.containerd.runtimes]\n  runcvm.runtime_type = 'y'\n", "did not write")]
    [InlineData("version = 2\n[plugins.'x'.containerd]\n  runtimes = { runcvm = { } }\n", "did not write")]
    [InlineData(
        "version = 2\n# Of runcvm install --containerd, which runcvm uninstall --containerd takes away:\n",
        "not its end")]
    public void What_is_not_understood_is_left_as_it_is(string text, string words)
        => Assert.Contains(words, Assert.Throws<UsageException>(() => With(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("[plugins.'x'.containerd]\n  default_runtime_name = \"runcvm\"\n")]
    [InlineData("[plugins.'x'.containerd.runtimes.runcvm-fc.options]\n  BinaryName = '/usr/bin/runcvm'\n")]
    [InlineData("# [plugins.'x'.containerd.runtimes.runcvm]\n")]
    public void Other_runtimes_of_the_administrator_may_be_us_too(string text)
        => Assert.Contains(Program, With("version = 2\n" + text), StringComparison.Ordinal);

    [Fact]
    public void Only_the_runtime_that_we_added_is_ours()
    {
        string made = With("version = 2\n");
        Assert.True(ContainerdConfig.Starts(made, Program));
        Assert.False(ContainerdConfig.Starts(made, "/elsewhere/bin/runcvm"));
        Assert.False(ContainerdConfig.Starts($"version = 2\n  BinaryName = \"{Program}\"\n", Program));
    }

    [Theory]
    [InlineData("disabled_plugins = [\"cri\"]\n", true)]
    [InlineData("disabled_plugins = ['io.containerd.grpc.v1.cri']\n", true)]
    [InlineData("disabled_plugins = []\nversion = 2\n", false)]
    [InlineData("version = 2\n", false)]
    public void Packages_of_Dockers_switch_pods_off(string text, bool isOff)
        => Assert.Equal(isOff, ContainerdConfig.HasNoPods(text));

    [Fact]
    public void The_containerd_of_this_host_reads_its_own_default_with_it()
    {
        const string Containerd = "/usr/bin/containerd";
        Assert.SkipUnless(System.IO.File.Exists(Containerd), "there is no containerd on this host");
        string folder = Directory.CreateTempSubdirectory("runcvm-containerd-").FullName;
        try
        {
            string file = Path.Combine(folder, File);
            string made = With(Run(Containerd, "config", "default"));
            System.IO.File.WriteAllText(file, made);
            string read = Run(Containerd, "--config", file, "config", "dump");
            Assert.Contains("containerd.runtimes.runcvm", read, StringComparison.Ordinal);
            Assert.Contains(Program, read, StringComparison.Ordinal);
            Assert.Contains("containerd.runtimes.runc]", read, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string With(string? text) => ContainerdConfig.WithRuntime(text, Program, File)!;

    private static string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
