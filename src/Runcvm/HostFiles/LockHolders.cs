using System.Globalization;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.HostFiles;

/// <summary>A file that is locked.</summary>
/// <param name="FileSystem">its device number: one inode's number is another file in another file system, such as a
/// sandbox has of its own</param>
/// <param name="Inode">its number there</param>
internal readonly record struct LockedFile(ulong FileSystem, ulong Inode);

/// <summary>Who holds which lock: /proc/locks, whose process numbers are those of the reader's PID namespace. So the host finds
/// a supervisor that knows itself as process 1 only.</summary>
internal static class LockHolders
{
    internal static IReadOnlyDictionary<LockedFile, int> Read() => Parse(File.ReadLines("/proc/locks"));

    /// <summary>Who holds the lock of a file, or null.</summary>
    internal static int? Of(string path) => Of(path, Read());

    internal static int? Of(string path, IReadOnlyDictionary<LockedFile, int> holders)
    {
        try
        {
            return FileStatus.TryOf(path) is { } file
                && holders.TryGetValue(new LockedFile(file.FileSystem, file.Inode), out int process) ? process : null;
        }
        catch (LinuxException)
        {
            return null;
        }
    }

    // "3: FLOCK  ADVISORY  WRITE 4711 00:17:1234 0 EOF"; one that waits has "->" after its number. The device
    // is in hex.
    internal static IReadOnlyDictionary<LockedFile, int> Parse(IEnumerable<string> lines)
    {
        var holders = new Dictionary<LockedFile, int>();
        foreach (string line in lines)
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 6 || words[1] != "FLOCK") continue;
            // Number 0 is a process of another PID namespace.
            if (int.TryParse(words[4], NumberStyles.None, CultureInfo.InvariantCulture, out int process) && process > 0
                && words[5].Split(':') is [var major, var minor, var inode]
                && uint.TryParse(major, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint first)
                && uint.TryParse(minor, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint second)
                && ulong.TryParse(inode, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number))
                holders[new LockedFile(FileStatus.Device(first, second), number)] = process;
        }

        return holders;
    }
}
