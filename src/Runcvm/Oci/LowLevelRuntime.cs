using Runcvm.Linux.Processes;

namespace Runcvm.Oci;

/// <summary>runc, or another program with its command line, which makes the sandbox.</summary>
internal static class LowLevelRuntime
{
    private static readonly string[] Candidates = ["runc", "crun"];

    /// <summary>Becomes the low-level runtime. Returns only by throwing.</summary>
    internal static void Execute(string? configured, IReadOnlyList<string> arguments)
    {
        string path = configured ?? Find();
        CurrentProcess.Execute(path, [Path.GetFileName(path), .. arguments], CurrentProcess.Environment);
    }

    private static string Find()
    {
        foreach (string name in Candidates)
        {
            if (ProgramPath.TryFind(name) is { } path) return path;
        }

        throw new UsageException("neither runc nor crun is on PATH; install one (apt-get install runc), or name it in /etc/runcvm/config.toml as low_level_runtime");
    }
}
