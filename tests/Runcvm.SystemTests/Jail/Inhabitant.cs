using System.Globalization;

namespace Runcvm.SystemTests.Jail;

/// <summary>A process of a sandbox, as the host sees it.</summary>
internal sealed class Inhabitant
{
    private Inhabitant(int id)
    {
        Id = id;
        Status = Fields($"/proc/{id}/status");
        CommandLine = File.ReadAllText($"/proc/{id}/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries);
    }

    internal int Id { get; }

    internal string[] CommandLine { get; }

    internal Dictionary<string, string> Status { get; }

    /// <summary>Its number in its own PID namespace.</summary>
    internal int InnerId => int.Parse(Status["NSpid"].Split('\t')[^1], CultureInfo.InvariantCulture);

    internal Who? Who => (Path.GetFileName(CommandLine.FirstOrDefault("")), CommandLine.ElementAtOrDefault(1)) switch
    {
        ("runcvm", "supervise") => Jail.Who.Supervisor,
        ("runcvm", "serve-shares") => Jail.Who.FileServer,
        ("runcvm", "broker") => Jail.Who.Broker,
        (string name, _) when name.StartsWith("qemu-system", StringComparison.Ordinal) || name == "firecracker"
            => Jail.Who.Hypervisor,
        _ => null,
    };

    internal string Name => Who?.ToString() ?? Path.GetFileName(CommandLine.FirstOrDefault("?"));

    internal IEnumerable<int> Threads
        => Directory.GetDirectories($"/proc/{Id}/task").Select(static path
            => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)).Order();

    /// <summary>What /proc/PID/mountinfo says: place, options, type of file system.</summary>
    internal IEnumerable<(string Place, string[] Options, string Type)> Mounts
        => from line in File.ReadLines($"/proc/{Id}/mountinfo")
           let words = line.Split(' ')
           select (words[4], words[5].Split(','), words[Array.IndexOf(words, "-") + 1]);

    /// <summary>All processes in the cgroup of a container.</summary>
    internal static List<Inhabitant> Of(string container)
    {
        var found = new List<Inhabitant>();
        foreach (string folder in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture,
                out int id)) continue;
            try
            {
                if (File.ReadAllText($"{folder}/cgroup").Contains(container,
                    StringComparison.Ordinal)) found.Add(new Inhabitant(id));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has ended meanwhile.
            }
        }

        return found;
    }

    internal Dictionary<string, string> ThreadStatus(int thread) => Fields($"/proc/{Id}/task/{thread}/status");

    internal string Namespace(string type) => new FileInfo($"/proc/{Id}/ns/{type}").LinkTarget!;

    private static Dictionary<string, string> Fields(string path)
        => File.ReadLines(path).Select(static line => line.Split(':', 2)).ToDictionary(static pair => pair[0],
            static pair => pair[1].Trim());
}
