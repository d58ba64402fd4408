using Runcvm.Guest.Processes;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.Guest.Spawned;

/// <summary>Finds a program as Go's exec.LookPath does, with its messages, which are the ones Docker users know.</summary>
internal static class ProgramLookup
{
    private const uint AnyExecute = 0x49;

    internal static string Find(IReadOnlyList<string> arguments, List<string> environment)
    {
        string name = arguments.Count > 0 ? arguments[0] : "";
        if (name.Contains('/'))
        {
            FileStatus status = FileStatus.TryOf(name, followLinks: true)
                ?? throw Failure(127, name, $"stat {name}: no such file or directory");
            return IsProgram(status) ? name : throw Failure(126, name, status.Kind == FileKind.Directory ? "is a directory" : "permission denied");
        }

        if (name.Length > 0)
        {
            foreach (string folder in PathOf(environment).Split(':'))
            {
                string candidate = folder.Length == 0 ? $"./{name}" : $"{folder}/{name}";
                if (IsProgram(candidate)) return candidate;
            }
        }

        throw Failure(127, name, "executable file not found in $PATH");
    }

    private static bool IsProgram(string path)
    {
        try
        {
            return FileStatus.TryOf(path, followLinks: true) is { } status && IsProgram(status);
        }
        catch (LinuxException)
        {
            // A folder that the user may not look into, say: another one may have it.
            return false;
        }
    }

    private static bool IsProgram(FileStatus status) => status.Kind != FileKind.Directory && (status.Permissions & AnyExecute) != 0;

    private static string PathOf(List<string> environment)
    {
        const string Prefix = "PATH=";
        // The last one wins, as it does for programs that read their environment into a table.
        string? path = environment.FindLast(static entry => entry.StartsWith(Prefix, StringComparison.Ordinal));
        return path == null ? "" : path[Prefix.Length..];
    }

    private static StartException Failure(byte code, string name, string reason)
        => new(code, $"unable to start container process: exec: \"{name}\": {reason}");
}
