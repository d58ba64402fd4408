using System.Globalization;
using Runcvm.Linux;
using Runcvm.Linux.Processes;

namespace Runcvm.Guest.Processes;

/// <summary>All processes of the workload, stopped for a while. Signals do that for every workload; the kernel's
/// freezer would have to move them out of the cgroups that they have made for themselves.</summary>
internal sealed class StoppedProcesses
{
    // Each look stops all that are there. Those that were started meanwhile are stopped by the next one.
    private const int MostLooks = 64;

    private readonly List<ChildProcess> _stopped = [];

    /// <summary>Stops them.</summary>
    /// <exception cref="InvalidDataException">they start others faster than that</exception>
    internal void Stop()
    {
        string own = NamespaceOf("self") ?? "";
        for (int look = 0; look < MostLooks; look++)
        {
            if (StopOnce(own) == 0) return;
        }

        throw new InvalidDataException("its processes start others faster than they can be stopped");
    }

    /// <summary>Lets them go on: children before their parents, who are not told then that a child was
    /// stopped.</summary>
    internal void Continue()
    {
        for (int i = _stopped.Count - 1; i >= 0; i--)
        {
            _stopped[i].Kill(SignalNumber.Continue);
            _stopped[i].Dispose();
        }

        _stopped.Clear();
    }

    private int StopOnce(string own)
    {
        int count = 0;
        foreach (int id in Ids())
        {
            // Those that somebody has stopped stay so afterwards. Zombies do nothing any more.
            if (NamespaceOf(id.ToString(CultureInfo.InvariantCulture)) is not { } space || space == own
                || StateOf(id) is null or 'T' or 't' or 'Z' or 'X') continue;
            if (_stopped.Exists(process => process.Id == id)) continue;
            if (TryStop(id) is not { } stopped) continue;
            _stopped.Add(stopped);
            count++;
        }

        return count;
    }

    // Parents have lower numbers than their children, as a rule.
    private static IEnumerable<int> Ids() => Directory.EnumerateDirectories("/proc")
        .Select(static path => int.TryParse(Path.GetFileName(path.AsSpan()), out int id) ? id : 0)
        .Where(static id => id > 0).Order();

    private static string? NamespaceOf(string process) => new FileInfo($"/proc/{process}/ns/pid").LinkTarget;

    // "12 (name) S …": proc(5), /proc/pid/stat. A name may hold anything, also brackets.
    private static char? StateOf(int id)
    {
        try
        {
            string text = File.ReadAllText($"/proc/{id.ToString(CultureInfo.InvariantCulture)}/stat");
            int end = text.LastIndexOf(") ", StringComparison.Ordinal);
            return end < 0 || end + 2 >= text.Length ? null : text[end + 2];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended.
            return null;
        }
    }

    private static ChildProcess? TryStop(int id)
    {
        try
        {
            var process = ChildProcess.Of(id);
            process.Kill(SignalNumber.Stop);
            return process;
        }
        catch (LinuxException e) when (e.Errno == Errno.ESRCH)
        {
            return null;
        }
    }
}
