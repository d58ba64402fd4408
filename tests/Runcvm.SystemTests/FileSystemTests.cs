using System.Diagnostics;

namespace Runcvm.SystemTests;

/// <summary>What programs expect of a file system, on a share and on a local one: Volumes/checks.c and Volumes/fsx.c.</summary>
public sealed class FileSystemTests(DockerEngine engine) : MachineTest(engine)
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(4);

    private readonly TemporaryFolder _programs = new();
    private readonly TemporaryFolder _shared = new();

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        foreach (string program in (string[])["checks", "fsx"])
            (await Command.RunAsync("gcc", ["-static", "-O1", "-o", Path.Combine(_programs.Path, program), Path.Combine(Repository.Tests, $"Volumes/{program}.c")])).Succeeded();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        // It has names that are not UTF-8.
        (await Command.RunAsync("rm", ["-rf", _shared.Path])).Succeeded();
        Directory.CreateDirectory(_shared.Path);
        _programs.Dispose();
        _shared.Dispose();
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("none")]
    public async Task A_share_answers_as_a_local_disk_does(string cache)
    {
        // Each operation crosses the stream; RUNCVM_TEST_LARGE runs as many as such tests usually do.
        int operations = DockerEngine.RunsLarge ? 20_000 : 600;
        int seed = Random.Shared.Next();
        CommandResult result = await Docker.WithinAsync(
            operations > 1000 ? TimeSpan.FromMinutes(20) : Longest,
            ["run", "--rm", .. RuntimeArguments, .. Mounts, "-e", $"RUNCVM_SHARE_CACHE={cache}", "-e", "RUNCVM_DISKS=/disks/a,/disk,ext4,256M", Busybox, "sh", "-c",
                $"mkdir -p /disk; /b/checks /share; /b/fsx /share/random {seed} {operations}; echo ---; /b/checks /disk; /b/fsx /disk/random {seed} {operations}"]);
        string[] parts = result.Text.Split("\n---\n");
        string[] share = parts[0].Split('\n');
        string[] disk = parts[1].Split('\n');
        // The one difference, which docs/volumes.md lists: the host gives such attributes to nobody in a container either.
        if (DockerEngine.RunsMachines) share = [.. share.Select(static line => line.Replace("trusted EPERM", "trusted 0", StringComparison.Ordinal))];
        Assert.Equal("", string.Join('\n', disk.Zip(share).Where(static pair => pair.First != pair.Second).Select(static pair => $"disk:  {pair.First}\nshare: {pair.Second}")));
        Assert.Equal((20, 20), (disk.Length, share.Length));
        Assert.Contains($"{operations} operations", share[^1], StringComparison.Ordinal);
        Assert.Equal((5L << 30) + 3, new FileInfo(Path.Combine(_shared.Path, "sparse")).Length);
        byte[] mapped = await File.ReadAllBytesAsync(Path.Combine(_shared.Path, "mapped"), TestContext.Current.CancellationToken);
        Assert.Equal("through the map"u8, mapped.AsSpan(4096, 15));
    }

    [Fact]
    public async Task Locks_and_mapped_files_count_between_machines_and_the_host()
    {
        string file = Path.Combine(_shared.Path, "file");
        await File.WriteAllBytesAsync(file, new byte[4096], TestContext.Current.CancellationToken);
        using Process holder = Hold("lock");
        await SaidAsync(holder);
        Assert.Equal("refused", (await Command.RunAsync(Path.Combine(_programs.Path, "checks"), ["trylock", file])).Text);
        Assert.Equal("refused", (await RunAsync([.. Mounts, Busybox, "/b/checks", "trylock", "/share/file"])).Text);
        holder.StandardInput.Close();
        await holder.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience.Times(TimeSpan.FromSeconds(30)), TestContext.Current.CancellationToken);
        Assert.Equal("free", (await Command.RunAsync(Path.Combine(_programs.Path, "checks"), ["trylock", file])).Text);
        using Process mapping = Hold("map");
        await SaidAsync(mapping);
        Assert.StartsWith("through the map\0", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        // What the two kernels wrote into their memories could not both be kept.
        CommandResult other = await RunAsync([.. Mounts, Busybox, "/b/checks", "map", "/share/file"]);
        Assert.Equal((1, "ENODEV\n"), (other.ExitCode, other.Stdout));
        mapping.StandardInput.Close();
        await mapping.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience.Times(TimeSpan.FromSeconds(30)), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_full_disk_of_the_host_is_told_to_the_program_that_writes()
    {
        (await Engine.BesideAsync("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", _shared.Path)).Succeeded();
        try
        {
            CommandResult result = await RunAsync(
                [.. Mounts, Busybox, "sh", "-c",
                    "dd if=/dev/zero of=/share/full bs=64k count=100 conv=fsync; test $(stat -c %s /share/full) -gt 4000000 && echo full; mkdir /share/d && echo x > /share/d/x || echo none; rm /share/full; echo again > /share/d/x && cat /share/d/x"]);
            Assert.Contains("No space left on device", result.Stderr, StringComparison.Ordinal);
            Assert.Equal("full\nnone\nagain", result.Text);
        }
        finally
        {
            (await Engine.BesideAsync("umount", "-l", _shared.Path)).Succeeded();
        }
    }

    [Fact]
    public async Task File_systems_in_memory_have_the_sizes_and_modes_that_were_asked_for()
    {
        CommandResult result = await RunAsync(
            "--tmpfs", "/t:size=3m,mode=1770,uid=1000", "--mount", "type=tmpfs,destination=/u,tmpfs-size=2097152,tmpfs-mode=0710", "--shm-size", "10m",
            "--mount", $"type=bind,source={_shared.Path},target=/r,readonly", Busybox, "sh", "-c",
            "df -k /t /u /dev/shm | awk 'NR>1 {print $2}'; stat -c '%a %u' /t /u /dev/shm; touch /r/x || true");
        Assert.Equal("3072\n2048\n10240\n1770 1000\n710 0\n1777 0", result.Text);
        Assert.Contains("Read-only file system", result.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mounted_file_stays_the_one_that_was_mounted_until_the_next_start()
    {
        string file = Path.Combine(_shared.Path, "file");
        await File.WriteAllTextAsync(file, "first", TestContext.Current.CancellationToken);
        string name = await StartAsync("-v", $"{file}:/file", Busybox, "sleep", "1000");
        Assert.Equal("first", (await ExecAsync(name, "cat", "/file")).Text);
        await File.WriteAllTextAsync(file + ".new", "second", TestContext.Current.CancellationToken);
        File.Move(file + ".new", file, overwrite: true);
        Assert.Equal("first", (await ExecAsync(name, "cat", "/file")).Text);
        (await Docker.RunAsync("restart", "--time", "1", name)).Succeeded();
        Assert.Equal("second", (await ExecAsync(name, "cat", "/file")).Text);
    }

    private string[] Mounts => ["-v", $"{_programs.Path}:/b:ro", "-v", $"{_shared.Path}:/share"];

    private Process Hold(string what) => Docker.Start(["run", "--rm", "-i", .. RuntimeArguments, .. Mounts, Busybox, "/b/checks", what, "/share/file"]);

    private static async Task SaidAsync(Process holder)
        => Assert.Equal("held", await holder.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience.Times(TimeSpan.FromSeconds(60)), TestContext.Current.CancellationToken));
}
