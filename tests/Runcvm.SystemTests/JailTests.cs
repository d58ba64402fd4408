using System.Runtime.InteropServices;
using Runcvm.SystemTests.Jail;

namespace Runcvm.SystemTests;

/// <summary>Attacks on real machines: as the hypervisor, as the file server, as the broker, as the supervisor, as a
/// thread of it that the runtime made, and as root in the sandbox.
/// Every attempt is a system call that the real process makes (tests/jail/inject.c), and has to be
/// refused.</summary>
public sealed class JailTests(DockerEngine engine) : MachineTest(engine)
{
    private readonly TemporaryFolder _folder = new();
    private readonly JailTable _table = new();
    private int _landlock;

    private string Tool => Path.Combine(_folder.Path, "inject");

    private static string Prefix
        => Path.GetDirectoryName(Path.GetDirectoryName(Path.GetFullPath(DockerEngine.Runtime)))!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        OnlyMachines();
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64,
            "the tool that makes the calls knows the registers of x86-64 only");
        (await Command.RunAsync("gcc",
            ["-static", "-O1", "-Wall", "-o", Tool, Path.Combine(Repository.Root, "tests/jail/inject.c")])).Succeeded();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("default")]
    [InlineData("privileged", "--privileged")]
    [InlineData("without capabilities", "--cap-drop", "ALL", "--user", "1000")]
    [InlineData("with a volume", "--volume", "/data")]
    [InlineData("in the host's network", "--network", "host")]
    [InlineData("without the engine's filter", "--security-opt", "seccomp=unconfined")]
    public async Task Nobody_in_the_sandbox_gets_anywhere(string kind, params string[] arguments)
    {
        // What the kinds differ in is made before a hypervisor is chosen; the double needs no proof of it for each.
        Assert.SkipWhen(DockerEngine.Hypervisor != "qemu" && kind is not ("default" or "with a volume"),
            "this kind of machine is attacked under QEMU");
        string name = await StartAsync([.. arguments, Busybox, "sleep", "1000"]);
        (await ExecAsync(name, "true")).Succeeded();
        List<Inhabitant> all = Inhabitant.Of(await Docker.InspectAsync(name, "{{.Id}}"));
        foreach ((string what, string must, string now, bool holds) in StateChecks.Of(all,
            kind != "without capabilities", kind == "in the host's network")) _table.Note(what, must, now, holds);

        Inhabitant supervisor = all.Single(static process => process.Who == Who.Supervisor);
        await using (Injector root = await Injector.AsRootAsync(Tool, supervisor.Id))
            _landlock = await LandlockAttempts.VersionAsync(root);
        foreach (Inhabitant process in all.Where(static process
            => process.Who is not null)) await AttackAsync(process.Who!.Value, process, process.Id);
        if (supervisor.Threads.Count() > 1) await AttackAsync(Who.OtherThread, supervisor,
            supervisor.Threads.Skip(1).First());
        await AttackAsync(Who.Root, supervisor, 0);
        Assert.Equal("fine", (await ExecAsync(name, "echo", "fine")).Text);
        _table.Finish(kind);
    }

    [Fact]
    public async Task Two_machines_share_no_user_and_see_nothing_of_each_other()
    {
        string[] names = [await StartAsync("-v", "/data", Busybox, "sleep", "1000"),
            await StartAsync("-v", "/data", Busybox, "sleep", "1000")];
        var machines = new List<List<Inhabitant>>();
        var ids = new List<string>();
        foreach (string name in names)
        {
            (await ExecAsync(name, "true")).Succeeded();
            ids.Add(await Docker.InspectAsync(name, "{{.Id}}"));
            machines.Add(Inhabitant.Of(ids[^1]));
        }

        string[] users = [.. machines.Select(static all
            => all.First(static process => process.Who == Who.Hypervisor).Status["Uid"].Split('\t')[0])];
        _table.Note("users of two hypervisors", "two", string.Join(' ', users), users[0] != users[1]);
        foreach (Inhabitant process in machines[0].Where(static process => process.Who is not null))
        {
            string seen = (await Command.RunAsync("find",
                [$"/proc/{process.Id}/root/", "-name", "proc", "-prune", "-o", "-name", $"*{ids[1]}*",
                "-print"])).Stdout;
            _table.Note($"{process.Name}: files named after the other machine", "none", seen, seen.Length == 0);
            foreach (string type in (string[])["pid", "mnt", "ipc", "net"])
            {
                bool isOwn = machines[1].TrueForAll(other => other.Namespace(type) != process.Namespace(type));
                _table.Note($"{process.Name}: namespace {type}", "not the other machine's", process.Namespace(type),
                    isOwn);
            }
        }

        _table.Finish("two machines");
    }

    private async Task AttackAsync(Who who, Inhabitant process, int thread)
    {
        await using Injector at = who == Who.Root ? await Injector.AsRootAsync(Tool,
            process.Id) : await Injector.InThreadAsync(Tool, process.Id, thread, process.InnerId);
        foreach (Attempt attempt in Attempts.Where(attempt
            => attempt.Who.HasFlag(who) && attempt.Landlock <= _landlock))
        {
            Answer answer = await attempt.MakeAsync(at);
            _table.Note($"{who}: {attempt.What}", "refused", answer.Name, attempt.IsRefused(answer));
        }

        List<string> writable = await WriteWalk.FoldersAsync(process, at, folder => MayWrite(who, folder));
        _table.Note($"{who}: make a file anywhere", "refused", string.Join(' ', writable), writable.Count == 0);
    }

    private static IEnumerable<Attempt> Attempts
        => [.. FileAttempts.All(Prefix), .. KernelAttempts.All, .. IdentityAttempts.All, .. NetworkAttempts.All,
            .. LandlockAttempts.All];

    /// <summary>Where each is meant to write.</summary>
    private bool MayWrite(Who who, string folder) => who switch
    {
        // Its root holds the shares by their numbers, and nothing else.
        Who.FileServer => char.IsAsciiDigit(folder.ElementAtOrDefault(1)),
        // Its sockets alone, where Landlock tells them from files.
        Who.Hypervisor => _landlock == 0 && DockerEngine.Hypervisor == "firecracker" && folder == "/run/hypervisor",
        // In the sandbox's own memory, each of a bounded size.
        _ => folder is "/run/sandbox" or "/run/sandbox/hypervisor" or "/vmm/run/hypervisor"
            or "/dev" or "/dev/net" or "/run/runcvm-mounts"
            || folder.StartsWith("/run/runcvm-mounts/", StringComparison.Ordinal),
    };
}
