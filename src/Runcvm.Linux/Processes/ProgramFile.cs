using Runcvm.Linux.Files;

namespace Runcvm.Linux.Processes;

/// <summary>What makes a file a program, and the words with which Go's exec.LookPath refuses one: runc's, which Docker
/// users know.</summary>
public static class ProgramFile
{
    /// <summary>Why a name without a slash is refused.</summary>
    public const string NotInPath = "executable file not found in $PATH";

    private const uint AnyExecute = 0x49;

    /// <summary>Whether a file of that status can be executed by somebody.</summary>
    /// <param name="status">of the file, links followed; null where there is none</param>
    public static bool IsOne(FileStatus? status)
        => status is { } found && found.Kind != FileKind.Directory && (found.Permissions & AnyExecute) != 0;

    /// <summary>Why what is there cannot be executed.</summary>
    /// <param name="name">as it was given</param>
    /// <param name="status">as for <see cref="IsOne"/>, which says no</param>
    public static string FaultOf(string name, FileStatus? status)
        => status == null ? $"stat {name}: no such file or directory"
            : status.Value.Kind == FileKind.Directory ? "is a directory" : "permission denied";

    /// <summary>The sentence about it.</summary>
    /// <param name="name">as it was given</param>
    /// <param name="reason">one of those above</param>
    public static string Refusal(string name, string reason)
        => $"unable to start container process: exec: \"{name}\": {reason}";

    /// <summary>The folders of PATH. The last one wins, as it does for programs that read their environment into a
    /// table. Null where there is none.</summary>
    /// <param name="environment">NAME=value</param>
    public static string[]? SearchPath(IEnumerable<string> environment)
    {
        const string Prefix = "PATH=";
        return environment.LastOrDefault(static entry => entry.StartsWith(Prefix, StringComparison.Ordinal))
            ?[Prefix.Length..].Split(':');
    }
}
