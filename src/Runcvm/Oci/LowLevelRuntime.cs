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
        // Of two variables of one name nobody can say which counts.
        IEnumerable<string> kept =
            CurrentProcess.Environment.Where(old => !variables.Any(variable => NameOf(variable) == NameOf(old)));
        CurrentProcess.Execute(path, [Path.GetFileName(path), .. arguments], [.. kept, .. variables]);
    }

    /// <summary>Where it keeps what it knows of its containers, unless `--root` says another place.</summary>
    /// <param name="configured">its name or path, if the host says one</param>
    internal static string DefaultRoot(string? configured) => "/run/" + Path.GetFileName(PathOf(configured));

    /// <summary>Runs it to its end as a child, with this process's standard input.</summary>
    /// <param name="configured">its name or path, if the host says one</param>
    /// <param name="arguments">its arguments</param>
    /// <param name="error">where its standard error goes</param>
    /// <param name="output">where its standard output goes; where nothing is said, both go where this process's
    /// do</param>
    internal static ExitStatus Run(
        string? configured, IReadOnlyList<string> arguments, SafeFileHandle? error = null,
        SafeFileHandle? output = null)
    {
        string path = PathOf(configured);
        List<(int, SafeFileHandle)> files = [];
        if (output != null) files.Add((1, output));
        if (error != null) files.Add((2, error));
        using ChildProcess child =
            ChildProcess.Start(path, [Path.GetFileName(path), .. arguments], CurrentProcess.Environment, files);
        return child.Wait();
    }

    private static string NameOf(string variable) => variable.Split('=', 2)[0];

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
