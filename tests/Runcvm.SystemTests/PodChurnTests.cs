using Runcvm.SystemTests.Pods;

namespace Runcvm.SystemTests;

/// <summary>A node's weeks in minutes: pods come and go.</summary>
[Trait("Run", "nightly")]
public class PodChurnTests(DockerEngine engine) : MachineTest(engine)
{
    private const int Rounds = 10;
    private const int PodsAtOnce = 3;

    // Connections of its own clients, which an engine closes when it likes.
    private const int Idle = 10;

    [Fact]
    public async Task Thirty_pods_of_two_containers_leave_no_process_mount_folder_or_descriptor()
    {
        Assert.SkipUnless(Directory.Exists("/usr/lib/cni"), "pods need CNI plugins (containernetworking-plugins)");
        Assert.SkipWhen(DockerEngine.Hypervisor == "firecracker", "pods run under QEMU");
        using PodEngine pods = await PodEngine.StartAsync(Engine, Busybox);
        string before = await pods.TracesAsync();
        // The first ones have the engine load what it keeps.
        await RoundAsync(pods, 0);
        await Eventually.EqualAsync(before, pods.TracesAsync);
        (int mounts, int files) = await pods.HoldsAsync();
        for (int round = 1; round < Rounds; round++) await RoundAsync(pods, round);
        await Eventually.EqualAsync(before, pods.TracesAsync);
        (int mountsLeft, int filesLeft) = await pods.HoldsAsync();
        Assert.Equal(mounts, mountsLeft);
        Assert.InRange(filesLeft, 0, files + Idle);
    }

    private static Task RoundAsync(PodEngine pods, int round)
        => Task.WhenAll(Enumerable.Range(0, PodsAtOnce).Select(number => LiveAsync(pods, $"pod-{round}-{number}")));

    private static async Task LiveAsync(PodEngine pods, string name)
    {
        Pod pod = await Pod.RunAsync(pods, name);
        string first = await pod.StartAsync($"{name}-first", new ProtoMessage(), "sleep", "10000");
        string second = await pod.StartAsync($"{name}-second", new ProtoMessage(), "sh", "-c", "exit 3");
        Assert.Equal((3, "Error"), await pod.EndAsync(second));
        Assert.Equal((0, name), await pod.ExecAsync(first, "hostname"));
        await pod.StopAsync();
        await pod.RemoveAsync();
    }
}
