using System.Globalization;
using Runcvm.Linux.Files;

namespace Runcvm.Guest.Root;

/// <summary>Device nodes whose modules the kernel loads when somebody opens them: <c>modules.devname</c> of depmod(8).
/// udev and systemd make them on an ordinary host; an image for containers has neither.</summary>
internal static class StaticNodes
{
    // Debian's largest kernel has some 30 of them.
    private const int Most = 1000;

    /// <summary>Makes those that the kernel has not made itself, for root alone.</summary>
    /// <param name="lines"><c>MODULE NAME c10:200</c>, and comments</param>
    /// <param name="folder">the machine's /dev, where nothing of the workload's has run yet</param>
    internal static void Make(IEnumerable<string> lines, string folder)
    {
        foreach (string line in lines.Take(Most))
        {
            if (TryParse(line) is not var (name, kind, device)) continue;
            string path = $"{folder}/{name}";
            if (FileStatus.TryOf(path) != null) continue;
            Node.MakeDirectory(Path.GetDirectoryName(path)!);
            Node.Make(path, kind, Permission.OwnersFile, device);
        }
    }

    /// <summary>The node that a line names, or null for a comment, and for a line that names none.</summary>
    internal static (string Name, FileKind Kind, ulong Device)? TryParse(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length != 3 || words[0].StartsWith('#') || !IsBelow(words[1])) return null;
        FileKind? kind = words[2][0] switch { 'c' => FileKind.CharacterDevice, 'b' => FileKind.BlockDevice, _ => null };
        string[] numbers = words[2][1..].Split(':');
        if (kind == null || numbers.Length != 2) return null;
        bool isDevice = TryNumber(numbers[0], out uint major) & TryNumber(numbers[1], out uint minor);
        return isDevice ? (words[1], kind.Value, FileStatus.Device(major, minor)) : null;
    }

    private static bool IsBelow(string name)
        => name.Length < 200 && name.Split('/').All(static part => part.Length > 0 && part[0] != '.');

    private static bool TryNumber(string text, out uint number)
        => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
