using System.Globalization;
using Runcvm.SystemTests.Pods;

namespace Runcvm.SystemTests;

/// <summary>Pods of Kubernetes, asked for as a kubelet does: a machine each. The engine is containerd with its own CRI
/// plugin.</summary>
public class PodTests(DockerEngine engine) : MachineTest(engine)
{
    private const string Forever = "while :; do sleep 0.1; done";

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    private PodEngine _pods = null!;
    private string _before = "";

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Assert.SkipUnless(Directory.Exists("/usr/lib/cni"), "pods need CNI plugins (containernetworking-plugins)");
        Assert.SkipWhen(DockerEngine.Hypervisor == "firecracker", "pods run under QEMU");
        _pods = await PodEngine.StartAsync(Engine, Busybox);
        _before = await _pods.TracesAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _pods?.Dispose();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Containers_of_a_pod_are_one_machine_and_leave_nothing()
    {
        string volume = Directory.CreateDirectory(Path.Combine(Engine.Folder, "volume")).FullName;
        Pod pod = await Pod.RunAsync(_pods, "together");
        string first = await pod.StartAsync("first", Volume(volume), "sh", "-c", "echo made by init >/data/made");
        Assert.Equal((0, "Completed"), await pod.EndAsync(first));
        // A named pipe joins two of them only if it is one file to their kernel.
        string writer = await pod.StartAsync("writer", Volume(volume),
            "sh", "-c", "mkfifo /data/pipe; cat /data/made >/data/pipe; nc -l -p 8000 -e echo over loopback; exit 7");
        string reader = await pod.StartAsync("reader", Limited(Volume(volume)),
            "sh", "-c", $"echo $$ $(hostname); until [ -p /data/pipe ]; do sleep 0.1; done; cat /data/pipe; {Forever}");
        await Eventually.EqualAsync("1 together\nmade by init", () => Task.FromResult(pod.Log("reader")));
        Assert.Equal((0, "over loopback"), await Retried(pod, reader, "nc", "127.0.0.1", "8000"));
        Assert.Equal((7, "Error"), await pod.EndAsync(writer));

        if (DockerEngine.RunsMachines)
        {
            string kernel = (await Engine.BesideAsync("uname", "-r")).Text;
            Assert.NotEqual((0, kernel), await pod.ExecAsync(reader, "uname", "-r"));
            // These are every container's.
            foreach (string device in (string[])["/dev/null", "/proc/1/fd/0"])
                Assert.NotEqual(0, (await pod.ExecAsync(reader, "chmod", "0", device)).Code);
            Assert.Equal((0, ""), await pod.ExecAsync(reader, "sh", "-c", "echo gone >/dev/null"));
        }

        Assert.Equal((0, "67108864"), await pod.ExecAsync(reader, "cat", "/sys/fs/cgroup/memory.max"));
        Assert.Equal((3, "inside"), await pod.ExecAsync(reader, "sh", "-c", "echo inside; exit 3"));
        // Neither the host's disks nor the machine's are a container's.
        foreach (string place in (string[])["/d", "/data/d", "/dev/d", "/dev/shm/d"])
        {
            string script = $"mknod {place} c 1 5 && head -c 1 {place}";
            Assert.NotEqual(0, (await pod.ExecAsync(reader, "sh", "-c", script)).Code);
        }

        Assert.NotEqual(0, (await pod.ExecAsync(reader, "sh", "-c", "echo x >/proc/sys/kernel/hostname")).Code);
        Assert.NotEqual(0, (await pod.ExecAsync(reader, "mount", "-t", "tmpfs", "tmpfs", "/mnt")).Code);

        string large = await pod.StartAsync("large", Limited(new ProtoMessage()), "tail", "/dev/zero");
        Assert.Equal((137, "OOMKilled"), await pod.EndAsync(large));

        // One goes and comes again in the living machine.
        await pod.RemoveAsync(first);
        await pod.RemoveAsync(writer);
        string again = await pod.StartAsync("again", Volume(volume), "sh", "-c", $"cat /data/made; {Forever}");
        await Eventually.EqualAsync("made by init", () => Task.FromResult(pod.Log("again")));

        await pod.StopAsync();
        Assert.Equal((137, "Error"), await pod.EndAsync(again));
        await pod.RemoveAsync();
        await NothingLeftOfPodsAsync();
    }

    [Fact]
    public async Task What_is_wrong_with_a_container_is_said_when_it_starts_and_ends_no_other()
    {
        Pod pod = await Pod.RunAsync(_pods, "wrong");
        string good = await pod.StartAsync("good", new ProtoMessage(), "sh", "-c", Forever);
        foreach ((string[] command, string words) in (IEnumerable<(string[], string)>)
        [
            (["no-such-program"], "executable file not found in $PATH"),
            (["/etc"], "is a directory"),
        ])
        {
            CriException e = await Assert.ThrowsAsync<CriException>(
                () => pod.StartAsync(words[..4], new ProtoMessage(), command));
            Assert.Contains(words, e.Message, StringComparison.Ordinal);
        }

        if (DockerEngine.RunsMachines)
        {
            ProtoMessage option = new ProtoMessage().With(6, new ProtoMessage().With(1, "RUNCVM_CPUS").With(2, "1"));
            CriException e = await Assert.ThrowsAsync<CriException>(() => pod.StartAsync("option", option, "true"));
            Assert.Contains("set it as an annotation of the pod", e.Message, StringComparison.Ordinal);
        }

        Assert.Equal((0, "alive"), await pod.ExecAsync(good, "echo", "alive"));
        await pod.StopAsync();
        await pod.RemoveAsync();
        await NothingLeftOfPodsAsync();
    }

    [Fact]
    public async Task Containers_that_share_processes_see_each_other_and_end_with_all_that_they_started()
    {
        const long OfPod = 0;
        Pod pod = await Pod.RunAsync(_pods, "sharing", new ProtoMessage().With(2, OfPod));
        // What is left behind keeps standard output open, for which engines wait.
        string first = await pod.StartAsync("leaving", Sharing(), "sh", "-c", $"sleep 54321 & {Forever}");
        string second = await pod.StartAsync("looking", Sharing(), "sh", "-c", Forever);
        Assert.Contains("sleep 54321", (await pod.ExecAsync(second, "ps")).Output, StringComparison.Ordinal);
        // Whoever may see into the pod's first process finds nothing of the machine there.
        if (DockerEngine.RunsMachines)
            Assert.Equal((0, "proc"), await pod.ExecAsync(second, "ls", "-A", "/proc/1/root/"));
        await pod.StopAsync(first, 0).WaitAsync(
            Patience.Times(Soon), TestContext.Current.CancellationToken);
        Assert.Equal(137, (await pod.EndAsync(first)).Code);
        Assert.DoesNotContain("sleep 54321", (await pod.ExecAsync(second, "ps")).Output, StringComparison.Ordinal);
        await pod.StopAsync();
        await pod.RemoveAsync();
        await NothingLeftOfPodsAsync();
    }

    [Fact]
    public async Task A_container_is_filtered_changed_halted_and_looked_into_while_it_runs()
    {
        string profile = Path.Combine(Engine.Folder, "no-chmod.json");
        await File.WriteAllTextAsync(profile, """
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
              {"names": ["chmod", "fchmod", "fchmodat", "fchmodat2"], "action": "SCMP_ACT_ERRNO", "errnoRet": 16}]}
            """, TestContext.Current.CancellationToken);
        Pod pod = await Pod.RunAsync(_pods, "changing");
        string ticking = await pod.StartAsync("ticking", Filtered(profile),
            "sh", "-c", "trap 'echo window' WINCH; while :; do echo >>/ticks; sleep 0.1; done");
        // Its processes can be seen once it runs, for which an exec waits.
        Assert.Equal((0, ""), await pod.ExecAsync(ticking, "true"));
        string looking = await pod.StartAsync("looking", Seeing(ticking), "sh", "-c", Forever);
        Assert.Contains(">>/ticks", (await pod.ExecAsync(looking, "ps")).Output, StringComparison.Ordinal);

        (long code, string words) = await pod.ExecAsync(ticking, "chmod", "755", "/");
        Assert.NotEqual(0, code);
        Assert.Contains("busy", words, StringComparison.Ordinal);
        Assert.Equal((0, "Seccomp:\t2"), await pod.ExecAsync(looking, "grep", "Seccomp:", "/proc/1/status"));
        Assert.Equal((0, "Seccomp:\t0"), await pod.ExecAsync(looking, "grep", "Seccomp:", "/proc/self/status"));

        await pod.LimitAsync(ticking, 96 * 1024 * 1024);
        Assert.Equal((0, "100663296"), await pod.ExecAsync(ticking, "cat", "/sys/fs/cgroup/memory.max"));

        // The kernel has these do something else to the process that stands for it on the host.
        (await _pods.CtrAsync("task", "kill", "-s", "SIGWINCH", ticking)).Succeeded();
        await Eventually.EqualAsync("window", () => Task.FromResult(pod.Log("ticking")));
        (await _pods.CtrAsync("task", "kill", "-s", "SIGSTOP", ticking)).Succeeded();
        await Eventually.EqualAsync("State:\tT (stopped)", StateAsync);
        (await _pods.CtrAsync("task", "kill", "-s", "SIGCONT", ticking)).Succeeded();
        await Eventually.TrueAsync(async () => (await StateAsync()).Contains('S'), "it goes on");

        (await _pods.CtrAsync("task", "pause", ticking)).Succeeded();
        long stopped = await TicksAsync();
        Assert.Equal((0, "alive"), await pod.ExecAsync(looking, "sh", "-c", "sleep 1; echo alive"));
        Assert.Equal(stopped, await TicksAsync());
        (await _pods.CtrAsync("task", "resume", ticking)).Succeeded();
        await Eventually.TrueAsync(async () => await TicksAsync() > stopped, "it ticks on");

        // With it ends what sees its processes.
        await pod.StopAsync(ticking, 0);
        Assert.Equal((137, "Error"), await pod.EndAsync(looking));
        await pod.StopAsync();
        await pod.RemoveAsync();
        await NothingLeftOfPodsAsync();

        async Task<string> StateAsync() => (await pod.ExecAsync(looking, "grep", "State:", "/proc/1/status")).Output;

        async Task<long> TicksAsync()
        {
            (_, string count) = await pod.ExecAsync(looking, "sh", "-c", "wc -c </proc/1/root/ticks");
            return long.Parse(count, CultureInfo.InvariantCulture);
        }
    }

    [Fact]
    public async Task What_a_machine_cannot_share_with_its_host_is_refused_in_a_sentence()
    {
        OnlyMachines();
        const long OfNode = 2;
        (int, string)[] wishes = [(1, "hostNetwork"), (2, "hostPID"), (3, "hostIPC")];
        foreach ((int field, string name) in wishes)
        {
            CriException e = await Assert.ThrowsAsync<CriException>(
                () => Pod.RunAsync(_pods, "refused", new ProtoMessage().With(field, OfNode)));
            Assert.Contains($"{name}: a pod that is a machine cannot have it", e.Message, StringComparison.Ordinal);
        }

        await NothingLeftOfPodsAsync();
    }

    private async Task NothingLeftOfPodsAsync()
        => await Eventually.EqualAsync(_before, _pods.TracesAsync);

    private static ProtoMessage Volume(string folder)
        => new ProtoMessage().With(7, new ProtoMessage().With(1, "/data").With(2, folder)).With(15, Linux(1));

    private static ProtoMessage Limited(ProtoMessage container)
        => container.With(15, Linux(1).With(1, new ProtoMessage().With(4, 64 * 1024 * 1024)));

    private static ProtoMessage Sharing() => new ProtoMessage().With(15, Linux(0, "SYS_PTRACE"));

    // A profile of system calls on the host.
    private static ProtoMessage Filtered(string profile)
        => new ProtoMessage().With(15, new ProtoMessage().With(2, new ProtoMessage()
            .With(3, new ProtoMessage().With(2, 1)).With(15, new ProtoMessage().With(1, 2).With(2, profile))));

    private static ProtoMessage Seeing(string container)
        => new ProtoMessage().With(15, new ProtoMessage().With(2, new ProtoMessage()
            .With(3, new ProtoMessage().With(2, 3).With(4, container))));

    // LinuxContainerConfig with its own PID namespace (1), or the pod's (0), a path that is read-only, and capabilities
    // more than the usual ones.
    private static ProtoMessage Linux(long processes, params string[] capabilities)
        => new ProtoMessage().With(2, new ProtoMessage().With(1, new ProtoMessage().With(1, capabilities))
            .With(3, new ProtoMessage().With(2, processes)).With(14, "/proc/sys"));

    // Until somebody listens there.
    private static async Task<(long Code, string Output)> Retried(Pod pod, string id, params string[] command)
    {
        (long Code, string Output) result = (-1, "");
        await Eventually.TrueAsync(
            async () => (result = await pod.ExecAsync(id, command)).Code == 0, string.Join(' ', command), null,
            () => result.Output);
        return result;
    }
}
