using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.FirecrackerDouble;

/// <summary>The log in Firecracker's form: time, then instance, thread and level in brackets, then the text.</summary>
internal sealed class Log
{
    private readonly string _id;
    private SafeFileHandle _target;
    private LogLevel _level;
    private bool _showLevel;

    internal Log(CommandLine command)
    {
        _id = command.Id;
        _target = Open(command.LogPath);
        _level = command.Level;
        _showLevel = command.ShowLevel;
    }

    internal static LogLevel LevelOf(string word)
        => Enum.TryParse(word, ignoreCase: true, out LogLevel level) ? level : throw new FormatException($"InvalidLogLevel({word})");

    /// <summary>What `PUT /logger` or the configuration file says.</summary>
    internal void Configure(string? path, string? level, bool? showLevel)
    {
        if (path != null) _target = Open(path);
        if (level != null) _level = LevelOf(level);
        _showLevel = showLevel ?? _showLevel;
    }

    /// <summary>Whatever the level is.</summary>
    internal void Always(string text) => Put("INFO", text);

    internal void Write(LogLevel level, string text)
    {
        if (level <= _level) Put(level == LogLevel.Warning ? "WARN" : level.ToString().ToUpperInvariant(), text);
    }

    private void Put(string level, string text)
    {
        string time = DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fffffff00", CultureInfo.InvariantCulture);
        FileDescriptor.WriteAll(_target, Encoding.UTF8.GetBytes($"{time} [{_id}:main{(_showLevel ? ":" + level : "")}] {text}\n"));
    }

    private static SafeFileHandle Open(string? path)
        => path == null ? new SafeFileHandle(1, false) : FileDescriptor.Open(path, OpenFlags.WriteOnly | OpenFlags.Create, 0x180);
}
