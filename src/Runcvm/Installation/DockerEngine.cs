using System.Globalization;
using Runcvm.Linux.Processes;

namespace Runcvm.Installation;

/// <summary>The Docker daemon of this host, found by its pid file.</summary>
/// <param name="Id">process id</param>
/// <param name="Arguments">its command line</param>
internal sealed record DockerEngine(int Id, IReadOnlyList<string> Arguments)
{
    private const int Hangup = 1;

    /// <summary>Null where it does not run.</summary>
    /// <param name="processes">where the kernel shows its processes</param>
    /// <param name="pidFile">what dockerd writes at start, also under systemd</param>
    internal static DockerEngine? Find(string processes = "/proc", string pidFile = "/var/run/docker.pid")
    {
        if (!File.Exists(pidFile)) return null;
        if (!int.TryParse(File.ReadAllText(pidFile).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int id)) return null;

        // The file outlives a daemon that crashed, and its number can by now be anybody's.
        string commandLine = $"{processes}/{id}/cmdline";
        if (!File.Exists(commandLine)) return null;
        string[] arguments = File.ReadAllText(commandLine).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        return arguments.Length > 0 && Path.GetFileName(arguments[0]) == "dockerd" ? new DockerEngine(id, arguments) : null;
    }

    /// <summary>The configuration that it reads.</summary>
    internal string ConfigFile => Value("--config-file") ?? InstalledFiles.DaemonJson;

    /// <summary>Runtimes on the command line: dockerd refuses to start while a configuration file has some too.</summary>
    internal bool HasRuntimesOnCommandLine => Value("--add-runtime") is not null;

    /// <summary>"dockerd: SIGHUP reloads the configuration"; runtimes are among what is reloaded.</summary>
    internal void Reload() => OtherProcess.Signal(Id, Hangup);

    private string? Value(string option)
    {
        for (int i = 1; i < Arguments.Count; i++)
        {
            if (Arguments[i].StartsWith(option + "=", StringComparison.Ordinal)) return Arguments[i][(option.Length + 1)..];
            if (Arguments[i] == option && i + 1 < Arguments.Count) return Arguments[i + 1];
        }

        return null;
    }
}
