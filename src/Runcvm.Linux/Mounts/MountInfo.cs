using System.Text;

namespace Runcvm.Linux.Mounts;

/// <summary>A line of /proc/PID/mountinfo; proc(5).</summary>
/// <param name="Root">the part of the file system that is mounted</param>
/// <param name="Target">the mount point</param>
/// <param name="Options">options of the mount</param>
/// <param name="Type">file system type</param>
/// <param name="Source">device or other source</param>
/// <param name="SuperOptions">options of the file system, with the kernel's escapes: a comma inside a value is one</param>
public sealed record MountInfo(string Root, string Target, string Options, string Type, string Source, string SuperOptions)
{
    /// <summary>All mounts that this process sees, in the order in which they were made.</summary>
    public static IReadOnlyList<MountInfo> ReadAll(string path = "/proc/self/mountinfo")
    {
        var mounts = new List<MountInfo>();
        foreach (string line in File.ReadLines(path)) mounts.Add(Parse(line));
        return mounts;
    }

    /// <summary>Reads one line.</summary>
    /// <exception cref="FormatException">the line is not one of mountinfo</exception>
    public static MountInfo Parse(string line)
    {
        string[] fields = line.Split(' ');
        int separator = Array.IndexOf(fields, "-", Math.Min(6, fields.Length));
        if (separator < 0 || fields.Length < separator + 4) throw new FormatException($"not a line of mountinfo: '{line}'");
        return new MountInfo(
            Unescape(fields[3]), Unescape(fields[4]), fields[5], fields[separator + 1], Unescape(fields[separator + 2]),
            fields[separator + 3]);
    }

    /// <summary>The value of <c>name=value</c> in <see cref="SuperOptions"/>, or null.</summary>
    public string? SuperOption(string name)
    {
        foreach (string option in SuperOptions.Split(','))
        {
            if (option.StartsWith(name, StringComparison.Ordinal) && option.Length > name.Length && option[name.Length] == '=')
                return Unescape(option[(name.Length + 1)..]);
        }

        return null;
    }

    // The kernel writes space, tab, newline and backslash as three octal digits; in options comma and "=" as well.
    private static string Unescape(string text)
    {
        if (!text.Contains('\\')) return text;
        var plain = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length)
            {
                plain.Append((char)Convert.ToInt32(text.Substring(i + 1, 3), 8));
                i += 3;
            }
            else
            {
                plain.Append(text[i]);
            }
        }

        return plain.ToString();
    }
}
