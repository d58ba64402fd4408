using Runcvm.HostFiles;
using Runcvm.Installation;
using Runcvm.Operating;

namespace Runcvm.Tests.Operating;

public sealed class InstallVerbTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("runcvm-install-").FullName;

    private string Prefix => Path.Combine(_folder, "usr");

    private string Json => Path.Combine(_folder, "docker", "daemon.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Installing_and_removing_leaves_what_was_there()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Json)!);
        File.WriteAllText(Json, "{\n    \"debug\": true\n}\n");
        File.SetUnixFileMode(Json, UnixFileMode.UserRead | UnixFileMode.UserWrite);

        Install();

        var files = new InstalledFiles(Prefix);
        Assert.Equal(File.ReadAllBytes("/proc/self/exe"), File.ReadAllBytes(files.Host));
        Assert.Equal("guest", File.ReadAllText(files.Guest));
        Assert.True(File.GetUnixFileMode(files.Host).HasFlag(UnixFileMode.OtherExecute));
        Assert.Contains(files.Host, File.ReadAllText(Json), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Json));
        string backup = Assert.Single(Directory.GetFiles(Path.GetDirectoryName(Json)!, "daemon.json.runcvm-backup-*"));

        // Once more is an update: the copy of the original is not overwritten by what we wrote.
        DateTime written = File.GetLastWriteTimeUtc(Json);
        Assert.Contains("has the runtime already", Install(), StringComparison.Ordinal);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Json));

        UninstallVerb.Run(["--prefix", Prefix, $"--daemon-json={Json}", "--force"], TextWriter.Null);
        Assert.Equal("{\n    \"debug\": true\n}\n", File.ReadAllText(Json));
        Assert.Equal(File.ReadAllText(Json), File.ReadAllText(backup));
        Assert.Empty(Directory.GetFiles(Prefix, "*", SearchOption.AllDirectories));
        Assert.False(Directory.Exists(files.Library));
    }

    [Fact]
    public void A_broken_configuration_stops_everything_before_it_begins()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Json)!);
        File.WriteAllText(Json, "{ oops");
        Assert.Throws<UsageException>(() => Install());
        Assert.Equal("{ oops", File.ReadAllText(Json));
        Assert.False(Directory.Exists(Prefix));
    }

    [Fact]
    public void What_was_put_beside_the_installation_stays()
    {
        Install();
        string kernel = Path.Combine(Prefix, "lib/runcvm/kernels/debian/6.1/vmlinux");
        Directory.CreateDirectory(Path.GetDirectoryName(kernel)!);
        File.WriteAllText(kernel, "");
        UninstallVerb.Run(["--prefix", Prefix, "--daemon-json", Json, "--force"], TextWriter.Null);
        Assert.True(File.Exists(kernel));
    }

    [Theory]
    [InlineData("--frefix", "does not know '--frefix'")]
    [InlineData("--guest", "--guest needs a value")]
    [InlineData("--guest=/does/not/exist", "/does/not/exist does not exist")]
    public void A_wrong_argument_is_named(string argument, string message)
        => Assert.Contains(message, Assert.Throws<UsageException>(
            () => InstallVerb.Run([argument], TextWriter.Null)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_skeleton_that_was_used_is_removed_with_its_mount_points_but_not_with_anything_else()
    {
        string skeleton = Path.Combine(_folder, "sandbox");
        SandboxSkeleton.Ensure(skeleton);
        // As the low-level runtime leaves it.
        Directory.CreateDirectory(Path.Combine(skeleton, "run/runcvm"));
        File.WriteAllBytes(Path.Combine(skeleton, "vmm/vmlinux"), []);
        File.WriteAllText(Path.Combine(skeleton, "run/somebodys"), "words");
        Assert.Contains("not empty", Assert.Throws<IOException>(() => SandboxSkeleton.Remove(skeleton)).Message, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(skeleton, "run/somebodys")));
        File.Delete(Path.Combine(skeleton, "run/somebodys"));
        SandboxSkeleton.Remove(skeleton);
        Assert.False(Directory.Exists(skeleton));
    }

    [Fact]
    public void The_skeleton_holds_nothing_but_places_to_mount_on()
    {
        string skeleton = Path.Combine(_folder, "sandbox");
        SandboxSkeleton.Ensure(skeleton);
        SandboxSkeleton.Ensure(skeleton);
        Assert.Equal(
            ["dev", "disks", "etc", "proc", "run", "runcvm", "sys", "vmm"],
            Directory.GetFileSystemEntries(skeleton, "*", SearchOption.AllDirectories).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(0, new FileInfo(Path.Combine(skeleton, "runcvm")).Length);
        SandboxSkeleton.Remove(skeleton);
        Assert.False(Directory.Exists(skeleton));
    }

    [Fact]
    public void A_skeleton_of_a_version_before_goes_with_the_installation()
    {
        Install();
        string former = Path.Combine(Prefix, "lib/runcvm/sandbox");
        Directory.CreateDirectory(Path.Combine(former, "usr"));
        Directory.CreateDirectory(Path.Combine(former, "boot"));
        File.WriteAllBytes(Path.Combine(former, "boot/vmlinux"), []);
        Directory.CreateSymbolicLink(Path.Combine(former, "bin"), "usr/bin");
        UninstallVerb.Run(["--prefix", Prefix, "--daemon-json", Json, "--force"], TextWriter.Null);
        Assert.False(Directory.Exists(former));
    }

    [Fact]
    public void Docker_is_found_by_its_pid_file_unless_the_number_is_another_process()
    {
        string pidFile = Path.Combine(_folder, "docker.pid");
        Assert.Null(DockerEngine.Find(_folder, pidFile));
        File.WriteAllText(pidFile, "42\n");
        Assert.Null(DockerEngine.Find(_folder, pidFile));
        Directory.CreateDirectory(Path.Combine(_folder, "42"));
        File.WriteAllText(Path.Combine(_folder, "42/cmdline"), "/usr/bin/bash\0");
        Assert.Null(DockerEngine.Find(_folder, pidFile));
        File.WriteAllText(Path.Combine(_folder, "42/cmdline"), "/usr/bin/dockerd\0--config-file\0/x.json\0--add-runtime=a=/b\0");
        DockerEngine docker = DockerEngine.Find(_folder, pidFile)!;
        Assert.Equal((42, "/x.json", true), (docker.Id, docker.ConfigFile, docker.HasRuntimesOnCommandLine));
    }

    [Fact]
    public void A_link_to_the_configuration_stays_a_link()
    {
        string real = Path.Combine(_folder, "real.json");
        File.WriteAllText(real, "{}");
        Directory.CreateDirectory(Path.GetDirectoryName(Json)!);
        File.CreateSymbolicLink(Json, real);
        Install();
        Assert.Equal(real, new FileInfo(Json).LinkTarget);
        Assert.Contains("runcvm", File.ReadAllText(real), StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_removed_while_a_machine_runs()
    {
        string machines = Path.Combine(_folder, "run");
        Directory.CreateDirectory(Path.Combine(machines, "0123456789abcdef"));
        UninstallVerb.RefuseWhileMachinesRun(machines);
        using LockFile? held = LockFile.TryAcquire(Path.Combine(machines, "0123456789abcdef", "lock"));
        Assert.StartsWith("1 machine is running (0123456789ab); stop what runs first", Assert.Throws<UsageException>(
            () => UninstallVerb.RefuseWhileMachinesRun(machines)).Message, StringComparison.Ordinal);
    }

    private string Install()
    {
        string guest = Path.Combine(_folder, "runcvm-init");
        File.WriteAllText(guest, "guest");
        var output = new StringWriter();
        Assert.Equal(0, InstallVerb.Run(["--prefix", Prefix, "--guest", guest, "--daemon-json", Json], output));
        return output.ToString();
    }
}
