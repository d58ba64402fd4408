using System.Text;

namespace Runcvm.SystemTests;

/// <summary>The way of `docker:dind`: no systemd, the engine itself is what the image runs.</summary>
public class EngineWithoutSystemdTests(DockerEngine engine) : MachineTest(engine)
{
    private static readonly TimeSpan EngineTimeout = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData("VOLUME /var/lib/docker")]
    [InlineData("", Traits = ["Run", "nightly"])]
    public async Task An_engine_that_is_the_workload_runs_containers_on_overlay2_and_keeps_its_images(string volume)
    {
        OnlyMachines();
        string image = await BuildAsync(volume);
        string name = await StartAsync("-m", "1g", image);
        await ReadyAsync(name);
        Assert.Equal("overlay2 2", (await ExecAsync(name, "docker", "info", "--format", "{{.Driver}} {{.CgroupVersion}}")).Text);
        Assert.StartsWith("dockerd", (await ExecAsync(name, "cat", "/proc/1/cmdline")).Text, StringComparison.Ordinal);
        (await Docker.InputAsync(await TestImages.InnerImageAsync(), EngineTimeout, "exec", "-i", name, "docker", "import", "-", "alpine")).Succeeded();
        CommandResult inner = await Docker.WithinAsync(EngineTimeout, "exec", name, "docker", "run", "--rm", "alpine", "sh", "-c", "echo inside; exit 7");
        Assert.Equal("inside", inner.Ended(7).Stdout.Trim());

        (await Docker.WithinAsync(EngineTimeout, "restart", "--time", "60", name)).Succeeded();
        await ReadyAsync(name);
        Assert.Equal("alpine:latest", (await ExecAsync(name, "docker", "images", "--format", "{{.Repository}}:{{.Tag}}")).Text);
        (await Docker.WithinAsync(EngineTimeout, "stop", "--time", "60", name)).Succeeded();
        Assert.Equal(0, await WaitAsync(name));
    }

    private async Task<string> BuildAsync(string volume)
    {
        string dind = await Engine.Images.DockerInDockerAsync();
        string tag = $"{dind}-alone{(volume.Length > 0 ? "-volume" : "")}";
        string dockerfile = $"""
            FROM {dind}
            RUN printf '#!/bin/sh\n[ "$1" != dockerd ] || set -- "$@" --host=unix:///var/run/docker.sock\nexec "$@"\n' >/entrypoint && chmod 755 /entrypoint
            {volume}
            ENTRYPOINT ["/entrypoint"]
            CMD ["dockerd"]
            """;
        (await Docker.InputAsync(Encoding.UTF8.GetBytes(dockerfile), EngineTimeout, "build", "-q", "-t", tag, "-")).Succeeded();
        return tag;
    }

    private Task ReadyAsync(string name)
        => Eventually.TrueAsync(async () => (await ExecAsync(name, "docker", "version")).ExitCode == 0, "the inner engine answers", EngineTimeout);
}
