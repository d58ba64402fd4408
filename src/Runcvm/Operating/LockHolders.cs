using System.Globalization;

namespace Runcvm.Operating;

/// <summary>Who holds which lock: /proc/locks, whose process numbers are those of the reader's PID namespace. So the host finds
/// a supervisor that knows itself as process 1 only.</summary>
internal static class LockHolders
{
    internal static IReadOnlyDictionary<ulong, int> Read() => Parse(File.ReadLines("/proc/locks"));

    // "3: FLOCK  ADVISORY  WRITE 4711 00:17:1234 0 EOF"; one that waits has "->" after its number.
    internal static IReadOnlyDictionary<ulong, int> Parse(IEnumerable<string> lines)
    {
        var holders = new Dictionary<ulong, int>();
        foreach (string line in lines)
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 6 || words[1] != "FLOCK") continue;
            string inode = words[5][(words[5].LastIndexOf(':') + 1)..];
            // Number 0 is a process of another PID namespace.
            if (int.TryParse(words[4], NumberStyles.None, CultureInfo.InvariantCulture, out int process) && process > 0
                && ulong.TryParse(inode, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number))
                holders[number] = process;
        }

        return holders;
    }
}
