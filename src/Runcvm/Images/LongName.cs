using System.Text;
using Runcvm.Linux.Files;

namespace Runcvm.Images;

/// <summary>Names that mkfs.erofs 1.5 cannot take, though the file system can. It fails without saying which.</summary>
internal static class LongName
{
    private const int Longest = 254;

    /// <summary>A sentence about the first such file below these folders, or nothing.</summary>
    internal static string Explanation(IEnumerable<string> folders)
    {
        foreach (string path in folders)
        {
            if (!Directory.Exists(path)) continue;
            using Folder folder = Folder.Open(path);
            if (Find(folder, 1) is { } found)
                return $"; the name of {path}/{found} has {Longest + 1} bytes, which mkfs.erofs takes from version 1.6 on: install that, or shorten the name";
        }

        return "";
    }

    // Deeper ones are refused for that.
    private static string? Find(Folder folder, int level)
    {
        if (level > TreeSize.MostLevels) return null;
        foreach (FolderEntry entry in folder.Read())
        {
            if (entry.Name.Length > Longest) return Shown(entry.Name);
            if (entry.Status.Kind != FileKind.Directory) continue;
            using Folder? inner = folder.TryOpen(entry.Name);
            if (inner != null && Find(inner, level + 1) is { } found) return $"{Shown(entry.Name)}/{found}";
        }

        return null;
    }

    private static string Shown(byte[] name) => Encoding.UTF8.GetString(name);
}
