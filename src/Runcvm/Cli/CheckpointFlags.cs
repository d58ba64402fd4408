using Runcvm.Oci;

namespace Runcvm.Cli;

/// <summary>The flags of runc's `checkpoint` and `restore`: those that do something, those of which nothing is left to
/// do for a machine, which is kept whole, and those that ask for what there is not.</summary>
internal static class CheckpointFlags
{
    private const string WrittenAtOnce = "the memory of a machine is written once and whole";

    internal static readonly string[] OfCheckpoint =
    [
        "--image-path", "--work-path", "--parent-path", "--status-fd", "--page-server", "--manage-cgroups-mode",
        "--empty-ns",
    ];

    internal static readonly string[] OfRestore =
    [
        "--image-path", "--work-path", "--manage-cgroups-mode", "--empty-ns", "--lsm-profile", "--lsm-mount-context",
        "--bundle", "-b", "--console-socket", "--pid-file",
    ];

    // Connections, sockets, locks and terminals are inside, and go on with what they belong to.
    private static readonly string[] Met =
    [
        "--image-path", "--work-path", "--manage-cgroups-mode", "--empty-ns", "--tcp-established", "--ext-unix-sk",
        "--shell-job", "--file-locks", "--leave-running", "--bundle", "-b", "--console-socket", "--pid-file",
        "--detach", "-d", "--no-subreaper", "--no-pivot",
    ];

    private static readonly Dictionary<string, string> Refused = new()
    {
        ["--pre-dump"] = WrittenAtOnce,
        ["--parent-path"] = WrittenAtOnce,
        ["--auto-dedup"] = WrittenAtOnce,
        ["--page-server"] = "a checkpoint goes to a folder",
        ["--lazy-pages"] = "a machine goes on when its memory is there",
        ["--status-fd"] = "it tells of --lazy-pages, which machines do not have",
        ["--lsm-profile"] = "the sandbox has the profile that config.json names",
        ["--lsm-mount-context"] = "the sandbox has the label that config.json names",
    };

    /// <summary>Prints what a verb takes, where that was asked: Podman asks so whether a runtime has the
    /// verb.</summary>
    internal static bool Explain(CommandLine command, string[] withValue)
    {
        if (!command.Flags(withValue).Any(static flag => flag is "--help" or "-h")) return false;
        Console.WriteLine($"runcvm {command.Verb} [flags of runc's {command.Verb}] ID: see docs/checkpoints.md");
        return true;
    }

    /// <summary>Refuses what cannot be met.</summary>
    internal static void Check(CommandLine command, string[] withValue)
    {
        foreach (string flag in command.Flags(withValue))
        {
            if (Refused.TryGetValue(flag, out string? reason))
                throw new UsageException($"{command.Verb} {flag} is not for machines: {reason}");
            if (Array.IndexOf(Met, flag) < 0) throw new UsageException($"{command.Verb} has no flag {flag}");
        }
    }

    /// <summary>The folder of the checkpoint, which runc calls so where nobody says one.</summary>
    internal static string Folder(CommandLine command, string[] withValue)
        => Path.GetFullPath(command.ValueOf(withValue, "--image-path") ?? "checkpoint");
}
