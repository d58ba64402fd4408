using Runcvm.SystemTests.Jail;

namespace Runcvm.SystemTests;

/// <summary>Each verb of the host while a machine's state is what a hostile sandbox made of it: it acts on no other
/// machine and hides none, follows no link, hangs nowhere, and never runs on the host what was meant for a
/// guest.</summary>
public sealed class JailVerbTests(DockerEngine engine) : MachineTest(engine)
{
    // Of tests/jail/hostile-state.sh. Those that take long, because nobody answers, are first.
    private static readonly string[] Kinds =
    [
        "silent", "endless", "babbling", "gone", "no-description", "links", "folder-links", "pipes", "folders",
        "devices", "sizes", "noise", "deep", "many", "forged", "others-description", "others-socket", "changing",
    ];

    // What matters to those that remove a machine that runs: `docker kill` has the kill first.
    private static readonly string[] KindsToDelete = ["links", "folder-links", "folders", "deep", "many", "changing"];

    private const int AtOnce = 3;

    private static readonly TimeSpan Boot = TimeSpan.FromSeconds(150);

    // A machine of 128 MiB and all that it costs; see Cli/MemoryOverhead.cs.
    private const long MostMemory = 1L << 30;

    private readonly JailTable _table = new();

    [Fact]
    public async Task No_verb_of_the_host_is_led_astray()
    {
        OnlyMachines();
        Assert.SkipWhen(DockerEngine.Hypervisor != "qemu", "verbs are called beside QEMU: state is the same for both");
        string canary = Path.Combine(Engine.Folder, "canary");
        CancellationToken end = TestContext.Current.CancellationToken;
        Directory.CreateDirectory(Path.Combine(canary, "inner"));
        foreach (string file in (string[])["precious", "inner/file"])
            await File.WriteAllTextAsync(Path.Combine(canary, file), $"{file}\n", end);
        (string other, string otherId) = await MachineAsync(NewName("other"));
        VerbEnd doctor = await VerbEnd.OfAsync(Engine.BesideAsync(DockerEngine.Runtime, "doctor", "--no-boot"));
        // Names are not given out in turns.
        (string Kind, bool Asks, string Name)[] cases =
        [
            .. Kinds.Select(kind => (kind, true, NewName("victim"))),
            .. KindsToDelete.Select(kind => (kind, false, NewName("victim"))),
        ];
        await Parallel.ForEachAsync(cases, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (trial, _) =>
        {
            try
            {
                (string name, string id) = await MachineAsync(trial.Name);
                var machine = new HostileMachine(Engine, name, id, other, otherId, canary);
                await TryAsync(machine, trial.Kind, trial.Asks, doctor.Result!.ExitCode);
            }
            catch (Exception e)
            {
                // A row that fails, like the others; those of the other machines are wanted as well.
                Note(trial.Kind, "the trial", "goes to its end", e.Message, false);
            }
        });
        _table.Finish("verbs");
    }

    private async Task TryAsync(HostileMachine machine, string kind, bool asks, int doctor)
    {
        string before = await machine.CanaryAsync();
        if (asks) await AskAllAsync(machine, kind, doctor);
        else await machine.MakeHostileAsync("host", kind);
        await EndAsync(machine, kind, asks ? "kill" : "delete");
        string now = await machine.CanaryAsync();
        Note(kind, "all verbs: what is not theirs", "as it was", now, now == before);
        Note(kind, "all verbs: the other machine", "goes on", "", await machine.OtherAnswersAsync());
    }

    private async Task AskAllAsync(HostileMachine machine, string kind, int doctor)
    {
        (string host, string sandbox) = await machine.StateAsync();
        await machine.MakeHostileAsync("sandbox", kind);
        (string hostNow, string sandboxNow) = await machine.StateAsync();
        Note($"{kind} by the sandbox", "the host's part", "as it was", Changes(host, hostNow), host == hostNow);
        // Where the sandbox could change nothing there is nothing new to ask.
        if ((host, sandbox) != (hostNow, sandboxNow) || kind == "changing")
            await AskAllAsync(machine, kind, "sandbox", doctor);
        await machine.MakeHostileAsync("host", kind);
        await AskAllAsync(machine, kind, "host", doctor);
    }

    private async Task AskAllAsync(HostileMachine machine, string kind, string by, int doctor)
    {
        string state = $"{kind} by the {by}";
        // Nothing of these changes anything.
        await Task.WhenAll(
            OfOneAsync(state, machine, "inspect"), OfOneAsync(state, machine, "stats"),
            OfOneAsync(state, machine, "dmesg"), OfOneAsync(state, machine, "console", "--no-follow"),
            OfAllAsync(state, machine, "list"), OfAllAsync(state, machine, "metrics"),
            OfAllAsync(state, machine, "stats"),
            NotedAsync(state, "images prune", machine.AskAsync("images", "prune"), static end => end.Succeeded),
            NotedAsync(state, "doctor", machine.AskAsync("doctor", "--no-boot"),
                end => end.Result?.ExitCode == doctor && end.IsForPeople),
            NotedAsync(state, "state", machine.CallAsync("state", machine.Id),
                end => end.Answer.Contains($"\"{machine.Id}\"", StringComparison.Ordinal)),
            NotedAsync(state, "ps", machine.CallAsync("ps", machine.Id), static end => end.IsForPeople),
            NotedAsync(state, "events", machine.CallAsync("events", "--stats", machine.Id),
                end => end.Answer.Contains($"\"{machine.Id}\"", StringComparison.Ordinal)),
            NotedAsync(state, "kill -WINCH", machine.CallAsync("kill", machine.Id, "WINCH"),
                static end => end.IsForPeople));
        await ExecAsync(state, machine);
        await UpdateAsync(state, machine, by);
        await NotedAsync(state, "pause", machine.DockerAsync("pause", machine.Name), static end => end.IsForPeople);
        Note(state, "pause: the other machine", "goes on", "", await machine.OtherRunsAsync());
        await NotedAsync(state, "resume", machine.DockerAsync("unpause", machine.Name),
            static end => end.IsForPeople);
    }

    private async Task OfOneAsync(string state, HostileMachine machine, params string[] verb)
    {
        VerbEnd end = await machine.AskAsync([.. verb, machine.Id]);
        Note(state, verb[0], "an end in words, nothing of the other machine", end.ToString(),
            end.IsForPeople && !end.Answer.Contains("who: " + machine.Other, StringComparison.Ordinal));
    }

    private async Task OfAllAsync(string state, HostileMachine machine, params string[] verb)
    {
        VerbEnd end = await machine.AskAsync(verb);
        Note(state, string.Join(' ', verb), "it names the other machine", end.ToString(),
            end.Succeeded && end.Answer.Contains(machine.OtherId[..12], StringComparison.Ordinal));
    }

    // What answers is the guest, which alone has that file, or nobody. A program that is looked for is one of the
    // sandbox. Docker writes the refusal to standard output.
    private async Task ExecAsync(string state, HostileMachine machine)
    {
        // Nobody there will ever say how it ended, and the engine waits, as it does for any program.
        if (state is "silent by the host" or "endless by the host") return;
        VerbEnd end = await machine.DockerAsync("exec", machine.Name, "sh", "-c", "echo \"ran: $(cat /tmp/who)\"");
        string said = end.Answer + end.Result?.Stderr;
        bool isRefused = end.Result?.ExitCode is not (null or 0) && !said.Contains("ran:", StringComparison.Ordinal)
            && !said.Contains("executable file not found", StringComparison.Ordinal);
        Note(state, "exec", "the guest's answer, or none", end.ToString(),
            end.Answer == $"ran: {machine.Name}" || isRefused);
    }

    private async Task UpdateAsync(string state, HostileMachine machine, string by)
    {
        // It is waited for as long as a boot may take.
        if (state is "silent by the host" or "endless by the host") return;
        long before = await machine.MemoryLimitAsync(machine.OtherId);
        await NotedAsync(state, "update",
            machine.DockerAsync("update", "-m", "100m", "--memory-swap", "-1", machine.Name),
            static end => end.IsForPeople);
        long after = await machine.MemoryLimitAsync(machine.OtherId);
        Note(state, "update: the other machine's limit", "as it was", $"{before} {after}", before == after);
        // The host's own folder is believed.
        if (by == "host") return;
        long limit = await machine.MemoryLimitAsync(machine.Id);
        Note(state, "update: the limit", "no more than a machine costs", $"{limit}", limit is > 0 and <= MostMemory);
    }

    private async Task EndAsync(HostileMachine machine, string kind, string verb)
    {
        Task<VerbEnd> ending = verb == "kill" ? machine.DockerAsync("kill", machine.Name)
            : machine.CallAsync("delete", "--force", machine.Id);
        await NotedAsync(kind, verb, ending, static end => end.Succeeded);
        await NotedAsync(kind, $"{verb}, rm", machine.DockerAsync("rm", "--force", "--volumes", machine.Name),
            static end => end.Succeeded);
        string left = await machine.FoldersAsync();
        Note(kind, $"{verb}: its state", "gone", left, left.Length == 0);
        string processes = string.Join(' ', Inhabitant.Of(machine.Id).Select(static process => process.Name));
        Note(kind, $"{verb}: its processes", "gone", processes, processes.Length == 0);
    }

    private async Task NotedAsync(string state, string verb, Task<VerbEnd> run, Func<VerbEnd, bool> holds)
    {
        VerbEnd end = await run;
        Note(state, verb, "an end as it should be", end.ToString(), end.Ended && holds(end));
    }

    private async Task<(string Name, string Id)> MachineAsync(string name)
    {
        await StartNamedAsync(
            name, "-m", "128m", "--memory-swap", "-1", "--cap-add", "SYSLOG", Busybox, "sh", "-c",
            "echo \"$0\" >/tmp/who; mknod /tmp/kmsg c 1 11; echo \"who: $0\" >/tmp/kmsg; touch /ready; exec sleep 1000",
            name);
        // The first exec waits for the workload, and the next for what it has to say.
        await Eventually.TrueAsync(
            async () => (await Docker.WithinAsync(Boot, "exec", name, "test", "-e", "/ready")).ExitCode == 0,
            "ready", Boot);
        return (name, await Docker.InspectAsync(name, "{{.Id}}"));
    }

    private void Note(string state, string what, string must, string now, bool holds)
        => _table.Note($"{state}: {what}", must, now, holds);

    private static string Changes(string before, string after)
        => string.Join(' ', after.Split('\n').Except(before.Split('\n')).Take(3));
}
