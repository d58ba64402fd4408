namespace Runcvm.FirecrackerDouble;

/// <summary>Firecracker's options. Those that only change how fast or how closed it is are taken and have no effect.</summary>
internal sealed record CommandLine
{
    /// <summary>The release whose command line and API this program has.</summary>
    internal const string ActsLike = "1.16.1";

    internal const int ArgumentsWrong = 153;

    private static readonly string[] Valued =
    [
        "api-sock", "id", "seccomp-filter", "start-time-us", "start-time-cpu-us", "parent-cpu-time-us", "config-file", "metadata", "log-path",
        "level", "module", "metrics-path", "describe-snapshot", "http-api-max-payload-size", "mmds-size-limit",
    ];

    private static readonly string[] Flags =
        ["no-seccomp", "no-api", "show-level", "show-log-origin", "boot-timer", "version", "snapshot-version", "enable-pci", "help"];

    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    private CommandLine()
    {
    }

    internal string ApiSocket => _values.GetValueOrDefault("api-sock", "/run/firecracker.socket");

    internal string Id => _values.GetValueOrDefault("id", "anonymous-instance");

    internal string? ConfigFile => _values.GetValueOrDefault("config-file");

    internal string? LogPath => _values.GetValueOrDefault("log-path");

    internal string? MetricsPath => _values.GetValueOrDefault("metrics-path");

    internal LogLevel Level { get; private init; } = LogLevel.Info;

    internal bool ShowLevel => _values.ContainsKey("show-level");

    internal bool NoApi => _values.ContainsKey("no-api");

    internal bool Version => _values.ContainsKey("version");

    internal static CommandLine Parse(string[] args)
    {
        var line = new CommandLine();
        for (int i = 0; i < args.Length; i++)
        {
            string name = args[i].StartsWith("--", StringComparison.Ordinal) ? args[i][2..] : throw new FormatException($"UnexpectedArgument(\"{args[i]}\")");
            bool isFlag = Flags.Contains(name);
            if (!isFlag && !Valued.Contains(name)) throw new FormatException($"UnexpectedArgument(\"{args[i]}\")");
            if (!isFlag && ++i == args.Length) throw new FormatException($"MissingValue(\"{name}\")");
            if (!line._values.TryAdd(name, isFlag ? "" : args[i])) throw new FormatException($"DuplicateArgument(\"{name}\")");
        }

        if (line.NoApi && line.ConfigFile == null) throw new FormatException("MissingArgument(\"config-file\")");
        if (line._values.ContainsKey("no-seccomp") && line._values.ContainsKey("seccomp-filter"))
            throw new FormatException("ForbiddenArgument(\"no-seccomp\", \"seccomp-filter\")");
        if (!line.Id.All(static c => char.IsAsciiLetterOrDigit(c) || c == '-') || line.Id.Length is 0 or > 64)
            throw new FormatException("InvalidInstanceId");
        return line with { Level = Log.LevelOf(line._values.GetValueOrDefault("level", "Info")) };
    }
}
