using System.Globalization;

namespace Runcvm.SystemTests;

public class RootFileSystemTests(DockerEngine engine) : MachineTest(engine)
{
    private static readonly TimeSpan ListTimeout = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task Attributes_hard_links_devices_and_odd_names_are_those_of_the_image()
        => await SameAsUnderRuncAsync(await Engine.Images.OdditiesAsync(), "/");

    [Fact]
    [Trait("Run", "nightly")]
    public async Task Forty_layers_give_the_same_files_as_under_runc()
        => await SameAsUnderRuncAsync(await Engine.Images.LayersAsync(), "/layers");

    // Emulated, a list with checksums of a hundred thousand takes two minutes: RUNCVM_TEST_LARGE=1.
    [Fact]
    [Trait("Run", "nightly")]
    public async Task Twenty_thousand_files_are_all_there_and_those_taken_away_are_not()
        => await SameAsUnderRuncAsync(
            await Engine.Images.ManyFilesAsync(DockerEngine.RunsLarge ? 100_000 : 20_000), "/many");

    [Fact]
    public async Task A_file_of_two_gigabytes_is_there_to_the_last_byte()
    {
        Assert.SkipUnless(DockerEngine.RunsLarge, "takes gigabytes: RUNCVM_TEST_LARGE=1 runs it");
        const string Dockerfile = "FROM runcvm-test/busybox\nRUN head -c 2147483648 /dev/zero > /large && echo end >> /large\n";
        (await Docker.InputAsync(System.Text.Encoding.UTF8.GetBytes(Dockerfile), ListTimeout, "build", "-q", "-t", "runcvm-test/large", "-")).Succeeded();
        CommandResult result = await Docker.WithinAsync(
            ListTimeout, ["run", "--rm", .. RuntimeArguments, "runcvm-test/large", "sh", "-c", "stat -c %s /large; tail -c 4 /large"]);
        Assert.Equal("2147483652\nend", result.Text);
    }

    [Theory]
    [InlineData("exit")]
    [InlineData("")] // ignores it, and is killed after the stop timeout
    public async Task Files_written_before_a_restart_are_there_after_it(string onStop)
    {
        string name = await StartAsync(
            Busybox, "sh", "-c", $"trap '{onStop}' TERM; echo line >> /kept; cat /kept; while :; do sleep 0.1; done");
        await LoggedAsync(name, "line");
        (await ExecAsync(name, "sh", "-c", "echo other > /other; mkdir /folder; rm /bin/vi")).Succeeded();
        (await Docker.RunAsync("restart", "--time", "2", name)).Succeeded();
        await LoggedAsync(name, "line\nline\nline");
        Assert.Equal("other", (await ExecAsync(name, "cat", "/other")).Text);
        Assert.Equal("ls: /bin/vi: No such file or directory\n", (await ExecAsync(name, "ls", "-d", "/folder", "/bin/vi")).Stderr);
    }

    [Fact]
    public async Task What_was_written_survives_docker_kill()
    {
        string name = await StartAsync(Busybox, "sh", "-c", "cat /kept; echo line >> /kept; echo written; exec sleep 1000");
        await LoggedAsync(name, "written");
        (await Docker.RunAsync("kill", name)).Succeeded();
        (await Docker.RunAsync("start", name)).Succeeded();
        await LoggedAsync(name, "written\nline\nwritten");
    }

    [Fact]
    public async Task A_paused_machine_is_killed_all_the_same()
    {
        string name = await StartAsync(Busybox, "sleep", "1000");
        (await ExecAsync(name, "true")).Succeeded();
        (await Docker.RunAsync("pause", name)).Succeeded();
        (await Docker.RunAsync("rm", "--force", name)).Succeeded();
    }

    [Fact]
    public async Task A_crash_of_the_machine_does_not_prevent_the_next_start()
    {
        string name = await StartAsync(Busybox, "sh", "-c", "echo started; exec sleep 1000");
        await LoggedAsync(name, "started");
        (await Docker.RunAsync("kill", name)).Succeeded();
        await WaitAsync(name);
        (await Docker.RunAsync("start", name)).Succeeded();
        await LoggedAsync(name, "started\nstarted");
    }

    [Fact]
    public async Task Files_copied_into_a_container_before_its_start_are_seen()
    {
        string name = NewName();
        (await Docker.RunAsync(["create", "--name", name, .. RuntimeArguments, Busybox, "cat", "/copied/file"])).Succeeded();
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "file"), "from outside", TestContext.Current.CancellationToken);
        (await Docker.RunAsync("cp", folder.Path, $"{name}:/copied")).Succeeded();
        Assert.Equal("from outside", (await Docker.RunAsync("start", "--attach", name)).Text);
    }

    [Fact]
    public async Task What_was_copied_in_is_there_also_after_a_start_that_came_to_nothing_and_is_copied_once()
    {
        OnlyMachines();
        string name = NewName();
        string[] arguments = ["create", "--name", name, .. RuntimeArguments, "-e", "RUNCVM_ROOTFS=block", Busybox, "sh", "-c", "cat /copied/file; echo changed > /copied/file"];
        (await Docker.RunAsync(arguments)).Succeeded();
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "file"), "from outside\n", TestContext.Current.CancellationToken);
        (await Docker.RunAsync("cp", folder.Path, $"{name}:/copied")).Succeeded();
        // The kernel has not booted when start answers.
        (await Docker.RunAsync("start", name)).Succeeded();
        (await Docker.RunAsync("kill", name)).Succeeded();
        Assert.Equal("", (await Docker.RunAsync("logs", name)).Text);
        Assert.Equal("from outside", (await Docker.RunAsync("start", "--attach", name)).Text);
        Assert.Equal("changed", (await Docker.RunAsync("start", "--attach", name)).Text);
    }

    [Fact]
    public async Task Names_that_are_not_text_survive_a_copy_into_the_container_and_onto_the_disk_of_an_engines_data()
    {
        // Docker's own commands take text only, so the bytes come inside of a folder, and of a layer.
        const string Odd = "$(printf '\\377\\376 name')";
        string dockerfile = $"FROM {Busybox}\nRUN mkdir -p /var/lib/docker/{Odd.Replace(" name", "")} && echo prefilled > \"/var/lib/docker/{Odd}\"\n";
        (await Docker.InputAsync(System.Text.Encoding.UTF8.GetBytes(dockerfile), null, "build", "-q", "-t", "runcvm-test/odd", "-")).Succeeded();
        using var folder = new TemporaryFolder();
        (await Command.RunAsync("sh", ["-c", $"mkdir {folder.Path}/in; echo copied > \"{folder.Path}/in/{Odd}\""])).Succeeded();
        string name = NewName();
        (await Docker.RunAsync(["create", "--name", name, .. RuntimeArguments, "runcvm-test/odd", "sh", "-c", $"cat \"/copied/{Odd}\" \"/var/lib/docker/{Odd}\""])).Succeeded();
        (await Docker.RunAsync("cp", $"{folder.Path}/in", $"{name}:/copied")).Succeeded();
        Assert.Equal("copied\nprefilled", (await Docker.RunAsync("start", "--attach", name)).Text);
        (await Command.RunAsync("rm", ["-r", $"{folder.Path}/in"])).Succeeded();
    }

    [Fact]
    public async Task The_writable_layer_goes_with_docker_rm()
    {
        string name = await StartAsync(Busybox, "sh", "-c", "echo x > /written; echo ready; exec sleep 1000");
        await LoggedAsync(name, "ready");
        string layer = Path.GetDirectoryName(await Docker.InspectAsync(name, "{{.GraphDriver.Data.UpperDir}}"))!;
        Assert.True(Directory.Exists(layer));
        (await Docker.RunAsync("rm", "--force", name)).Succeeded();
        Assert.False(Directory.Exists(layer));
    }

    [Fact]
    public async Task What_one_container_writes_no_other_sees()
    {
        (await RunAsync("-e", "SECRET=one", "--add-host", "one:10.0.0.1", Busybox, "sh", "-c", "echo x > /written")).Succeeded();
        CommandResult other = await RunAsync(Busybox, "sh", "-c", "ls /written; env; cat /etc/hosts");
        Assert.DoesNotContain("one", other.Stdout, StringComparison.Ordinal);
        Assert.Contains("No such file", other.Stderr, StringComparison.Ordinal);
    }

    private async Task SameAsUnderRuncAsync(string image, string folder)
    {
        byte[] script = await File.ReadAllBytesAsync(
            Path.Combine(Repository.Tests, "Images/listing.py"), TestContext.Current.CancellationToken);
        string[] command = ["-i", image, "python3", "-", folder];
        CommandResult container = await Docker.InputAsync(script, ListTimeout, ["run", "--rm", .. command]);
        CommandResult machine = await Docker.InputAsync(script, ListTimeout, ["run", "--rm", .. RuntimeArguments, .. command]);
        string[] expected = container.Lines;
        string[] actual = machine.Lines;
        Assert.Contains(expected, line => line.StartsWith($"b'{folder}", StringComparison.Ordinal));
        string[] differences = [
            .. expected.Except(actual).Select(line => $"- {line}"),
            .. actual.Except(expected).Select(line => $"+ {line}"),
        ];
        string count = differences.Length.ToString(CultureInfo.InvariantCulture);
        Assert.True(differences.Length == 0, $"{count} lines differ:\n{string.Join('\n', differences.Take(20))}");
        Assert.Equal(expected.Length, actual.Length);
    }
}
