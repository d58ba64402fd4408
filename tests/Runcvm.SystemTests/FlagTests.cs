namespace Runcvm.SystemTests;

/// <summary>Flags of `docker run` that the engine deals with by itself: a machine must not get in their way. The same commands run under
/// runc and on a machine, and show the same.</summary>
public class FlagTests(DockerEngine engine) : MachineTest(engine)
{
    [Fact]
    [Proves("--entrypoint", "--env-file", "--label", "--label-file", "--expose", "--quiet", "--pull", "--platform", "--domainname", "--cidfile")]
    public async Task What_describes_a_container_is_there_as_under_runc()
    {
        using var folder = new TemporaryFolder();
        string variables = Path.Combine(folder.Path, "variables"), labels = Path.Combine(folder.Path, "labels");
        await File.WriteAllTextAsync(variables, "FROM_FILE=a b\n# none\nEMPTY=\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(labels, "from=file\n", TestContext.Current.CancellationToken);

        async Task<string[]> SeenAsync(string name, params string[] runtime)
        {
            string id = Path.Combine(folder.Path, name);
            CommandResult run = await Docker.RunAsync(
            [
                "run", "--name", name, .. runtime, "--entrypoint", "/bin/sh", "--env-file", variables, "--label", "one=1", "--label-file", labels,
                "--expose", "99", "--quiet", "--pull", "never", "--platform", "linux/amd64", "--hostname", "box", "--domainname", "example.org", "--cidfile", id,
                Busybox, "-c", "echo \"$0 $FROM_FILE <$EMPTY>\"; hostname; cat /proc/sys/kernel/domainname; exit 3", "argument",
            ]);
            string described = await Docker.InspectAsync(name, "{{.Config.Labels}} {{.Config.ExposedPorts}} {{.Config.Entrypoint}} {{.Path}} {{len .Id}}");
            return [.. run.Ended(3).Stdout.Split('\n'), described, (await File.ReadAllTextAsync(id, TestContext.Current.CancellationToken)).Length.ToString(System.Globalization.CultureInfo.InvariantCulture)];
        }

        string[] container = await SeenAsync(NewName(), "--runtime=runc");
        Assert.Equal(["argument a b <>", "box", "example.org"], container[..3]);
        Assert.Equal(container, await SeenAsync(NewName(), RuntimeArguments));
    }

    [Fact]
    [Proves("--log-driver", "--log-opt", "--attach", "--sig-proxy", "--no-healthcheck", "--publish-all", "--oom-score-adj")]
    public async Task Logs_streams_and_checks_are_set_up_as_under_runc()
    {
        async Task<string[]> SeenAsync(string name, params string[] runtime)
        {
            const string Script = "for i in 1 2 3 4 5 6; do head -c 3000 /dev/zero | tr '\\0' x; echo; echo error >&2; done; echo last";
            CommandResult run = await Docker.RunAsync(
            [
                "run", "--name", name, .. runtime, "--log-driver", "local", "--log-opt", "max-size=1m", "--attach", "stdout", "--sig-proxy=false", "--no-healthcheck",
                "--expose", "80", "--publish-all", "--oom-score-adj", "100", Busybox, "sh", "-c", Script,
            ]);
            // In which order the two streams were logged is nobody's promise.
            CommandResult logged = (await Docker.RunAsync("logs", name)).Succeeded();
            string described = await Docker.InspectAsync(
                name, "{{.HostConfig.LogConfig}} {{.HostConfig.OomScoreAdj}} {{.Config.Healthcheck}} {{.HostConfig.PublishAllPorts}} {{.State.ExitCode}}");
            return [.. run.Lines, run.Stderr, .. logged.Lines, logged.Stderr, described];
        }

        string[] container = await SeenAsync(NewName(), "--runtime=runc");
        Assert.Equal(2, container.Count(static line => line == "last"));
        Assert.Equal(container, await SeenAsync(NewName(), RuntimeArguments));
    }

    [Fact]
    [Proves("--volumes-from", "--link", "--network-alias", "--dns-option", "--volume-driver")]
    public async Task What_another_container_has_is_had_as_under_runc()
    {
        string other = await StartContainerAsync(NewName(), "-v", "/shared", "--volume-driver", "local", Busybox, "sh", "-c", "echo theirs >/shared/file; exec sleep 1000");
        string network = await NewNetworkAsync();
        string named = await StartContainerAsync(NewName(), "--network", network, "--network-alias", "alias", Busybox, "sleep", "1000");

        async Task<string[]> SeenAsync(params string[] runtime)
        {
            CommandResult linked = await Docker.RunAsync(
            [
                "run", "--rm", .. runtime, "--volumes-from", other, "--link", $"{other}:friend", "--dns-option", "ndots:3", Busybox,
                "sh", "-c", "cat /shared/file; ping -c 1 -W 10 friend >/dev/null && echo reached; grep options /etc/resolv.conf",
            ]);
            CommandResult aliased = await Docker.RunAsync(
                ["run", "--rm", .. runtime, "--network", network, Busybox, "sh", "-c", "ping -c 1 -W 10 alias | awk '/bytes from/ { print \"reached\", $4 }'"]);
            return [.. linked.Succeeded().Lines, .. aliased.Succeeded().Lines];
        }

        string[] container = await SeenAsync("--runtime=runc");
        string address = await Docker.InspectAsync(named, $"{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
        Assert.Equal(["theirs", "reached", "options ndots:3", $"reached {address}:"], container);
        Assert.Equal(container, await SeenAsync(RuntimeArguments));
    }
}
