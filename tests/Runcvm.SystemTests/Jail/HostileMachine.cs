using System.Globalization;

namespace Runcvm.SystemTests.Jail;

/// <summary>A machine whose state is made hostile, and another one beside it that must not notice.</summary>
/// <param name="Engine">of both</param>
/// <param name="Name">its name</param>
/// <param name="Id">its id</param>
/// <param name="Other">the other one's name</param>
/// <param name="OtherId">the other one's id</param>
/// <param name="Canary">a folder that is nobody's business</param>
internal sealed record HostileMachine(
    DockerEngine Engine, string Name, string Id, string Other, string OtherId, string Canary)
{
    /// <summary>Its state folders on the host; none once it is gone.</summary>
    internal Task<string> FoldersAsync() => TextAsync("ls -d /run/runcvm/\"$0\"* 2>/dev/null || true", Id);

    /// <summary>What is in the part of its state that is the host's alone, and in the sandbox's.</summary>
    internal async Task<(string Host, string Sandbox)> StateAsync()
    {
        const string List = "find . -path ./sandbox -prune -o -printf '%p %y %l %m %s\\n' | sort";
        const string Sums = "find . -maxdepth 1 -name '*.bin' -type f -size -2048 -exec sha256sum {} +";
        string folder = await FoldersAsync();
        // Older builds have no part of the sandbox's own.
        return (await TextAsync($"cd \"$0\" && {List} && {Sums}", folder),
            await TextAsync($"[ ! -d \"$0/sandbox\" ] || {{ cd \"$0/sandbox\" && {List}; }}", folder));
    }

    /// <summary>Whether the low-level runtime says that the other one runs, and is not paused.</summary>
    internal async Task<bool> OtherRunsAsync()
        => (await CallAsync("state", OtherId)).Answer.Contains("\"status\": \"running\"", StringComparison.Ordinal);

    /// <summary>Runs tests/jail/hostile-state.sh.</summary>
    internal async Task MakeHostileAsync(string by, string kind)
    {
        string place = by == "host" ? await FoldersAsync() : await Engine.Docker.InspectAsync(Name, "{{.State.Pid}}");
        string other = await TextAsync("ls -d /run/runcvm/\"$0\"*", OtherId);
        string script = Path.Combine(Repository.Root, "tests/jail/hostile-state.sh");
        (await Engine.BesideAsync(script, by, kind, place, other, Canary)).Succeeded();
    }

    /// <summary>`runcvm VERB` as people call it.</summary>
    internal Task<VerbEnd> AskAsync(params string[] words)
    {
        string[] bounded = ["bash", "-o", "pipefail", "-c", $"\"$0\" \"$@\" | head -c {VerbEnd.MostOutput}"];
        return VerbEnd.OfAsync(Engine.BesideAsync([.. bounded, DockerEngine.Runtime, .. words]));
    }

    /// <summary>`runcvm VERB` as the engine calls it.</summary>
    internal Task<VerbEnd> CallAsync(params string[] words)
        => AskAsync(["--root", Engine.RuntimeRoot, .. words]);

    internal Task<VerbEnd> DockerAsync(params string[] words)
        => VerbEnd.OfAsync(Engine.Docker.WithinAsync(VerbEnd.Longest, words));

    /// <summary>The largest limit of memory that any cgroup of a container has.</summary>
    internal async Task<long> MemoryLimitAsync(string id)
    {
        const string Files = "\\( -name memory.limit_in_bytes -o -name memory.max \\)";
        string limits = await TextAsync($"find /sys/fs/cgroup -path \"*$0*\" {Files} -exec cat {{}} +", id);
        return limits.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(static line => line == "max" ? long.MaxValue : long.Parse(line, CultureInfo.InvariantCulture))
            .DefaultIfEmpty(-1).Max();
    }

    internal async Task<bool> OtherAnswersAsync()
        => (await Engine.Docker.RunAsync("exec", Other, "cat", "/tmp/who")).Stdout.Trim() == Other;

    internal Task<string> CanaryAsync()
        => TextAsync("cd \"$0\" && find . -printf '%p %y %m\\n' | sort && cat precious inner/file", Canary);

    private async Task<string> TextAsync(string script, string argument)
        => (await Engine.BesideAsync("sh", "-c", script, argument)).Text;
}
