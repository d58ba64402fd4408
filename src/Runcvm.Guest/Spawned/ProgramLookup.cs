using Runcvm.Guest.Processes;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;

namespace Runcvm.Guest.Spawned;

/// <summary>Finds a program as Go's exec.LookPath does, with its messages, which are the ones Docker users know.</summary>
internal static class ProgramLookup
{
    // As shells report them.
    private const byte NoProgram = 126;
    private const byte NotThere = 127;

    internal static string Find(IReadOnlyList<string> arguments, List<string> environment)
    {
        string name = arguments.Count > 0 ? arguments[0] : "";
        if (name.Contains('/'))
        {
            FileStatus? status = FileStatus.TryOf(name, followLinks: true);
            if (ProgramFile.IsOne(status)) return name;
            throw Failure(status == null ? NotThere : NoProgram, name, ProgramFile.FaultOf(name, status));
        }

        if (name.Length > 0)
        {
            foreach (string folder in ProgramFile.SearchPath(environment) ?? [""])
            {
                string candidate = folder.Length == 0 ? $"./{name}" : $"{folder}/{name}";
                if (IsProgram(candidate)) return candidate;
            }
        }

        throw Failure(NotThere, name, ProgramFile.NotInPath);
    }

    private static bool IsProgram(string path)
    {
        try
        {
            return ProgramFile.IsOne(FileStatus.TryOf(path, followLinks: true));
        }
        catch (LinuxException)
        {
            // A folder that the user may not look into, say: another one may have it.
            return false;
        }
    }

    private static StartException Failure(byte code, string name, string reason)
        => new(code, ProgramFile.Refusal(name, reason));
}
