using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Processes;

namespace Runcvm.Oci;

/// <summary>runc, or another program with its command line, which makes the sandbox.</summary>
internal static class LowLevelRuntime
{
    private static readonly string[] Candidates = ["runc", "crun"];

    /// <summary>Becomes the low-level runtime. Returns only by throwing.</summary>
    /// <param name="configured">its name or path, if the host says one</param>
    /// <param name="arguments">its arguments</param>
    /// <param name="variables">more environment for it</param>
    internal static void Execute(string? configured, IReadOnlyList<string> arguments, params string[] variables)
    {
        string path = PathOf(configured);
        CurrentProcess.Execute(path, [Path.GetFileName(path), .. arguments], [.. CurrentProcess.Environment, .. variables]);
    }

    /// <summary>Runs it to its end as a child, with this process's standard input.</summary>
    /// <param name="configured">its name or path, if the host says one</param>
    /// <param name="arguments">its arguments</param>
    /// <param name="error">where its standard error goes</param>
    /// <param name="output">where its standard output goes, if not where this process's does</param>
    internal static ExitStatus Run(string? configured, IReadOnlyList<string> arguments, SafeFileHandle error, SafeFileHandle? output = null)
    {
        string path = PathOf(configured);
        using ChildProcess child = ChildProcess.Start(path, [Path.GetFileName(path), .. arguments], CurrentProcess.Environment, output == null ? [(2, error)] : [(1, output), (2, error)]);
        return child.Wait();
    }

    private static string PathOf(string? configured)
        => configured == null ? Find() : configured.Contains('/', StringComparison.Ordinal) ? configured : OnPath(configured);

    private static string OnPath(string name)
        => ProgramPath.TryFind(name) ?? throw new UsageException($"{name}, which /etc/runcvm/config.toml names as low_level_runtime, is not on PATH");

    private static string Find()
    {
        foreach (string name in Candidates)
        {
            if (ProgramPath.TryFind(name) is { } path) return path;
        }

        throw new UsageException("neither runc nor crun is on PATH; install one (apt-get install runc), or name it in /etc/runcvm/config.toml as low_level_runtime");
    }
}
