using System.Globalization;

namespace Runcvm.Sandbox;

/// <summary>Settings that a kernel makes small in a small machine, and that a container finds at the host's values.
/// Search engines, file watchers and nested systemds refuse to start with the small ones.</summary>
internal static class ServerSysctls
{
    // What the programs that ask most of it want: Elasticsearch and OpenSearch, editors and build tools, k3s and kind.
    private static readonly (string Name, long Least)[] Usual =
    [
        ("vm.max_map_count", 1_048_576), ("fs.inotify.max_user_watches", 524_288),
        ("fs.inotify.max_user_instances", 8192), ("fs.file-max", 1_048_576), ("kernel.pid_max", 4_194_304),
        ("kernel.threads-max", 32_768),
    ];

    /// <summary>The host's value or the usual one, the higher of the two.</summary>
    /// <param name="folder">of the host's own</param>
    internal static IReadOnlyList<KeyValuePair<string, long>> Read(string folder = "/proc/sys")
        => [.. Usual.Select(item => KeyValuePair.Create(item.Name, Math.Max(item.Least, OfHost(folder, item.Name))))];

    private static long OfHost(string folder, string name)
    {
        string path = Path.Combine(folder, name.Replace('.', '/'));
        bool isNumber = long.TryParse(File.Exists(path) ? File.ReadAllText(path).Trim() : "",
            NumberStyles.None, CultureInfo.InvariantCulture, out long value);
        return isNumber ? value : 0;
    }
}
