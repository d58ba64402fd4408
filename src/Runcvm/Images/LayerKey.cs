using System.Text;
using Runcvm.HostFiles;
using Runcvm.Linux.Files;

namespace Runcvm.Images;

/// <summary>Names of root images: equal only where the content is.</summary>
internal static class LayerKey
{
    // Part of every key: raise it when images are made differently, so that old ones are not used.
    private const string Format = "runcvm-root-1";
    private const int Length = 32;
    private const string FolderMark = "folder-";

    /// <summary>Layers of images never change, so it is enough to know that they are the same folders: the path, and
    /// inode and times too, because a store that was wiped starts again with the same names.</summary>
    internal static string OfImage(IReadOnlyList<string> layers)
    {
        var text = new StringBuilder(Format);
        foreach (string layer in layers) Describe(text, layer);
        return Sha256.Hex(text.ToString())[..Length];
    }

    /// <summary>A plain folder is the container's own and changes: the key covers the inode and ctime of everything in it.
    /// No change of content, name or attributes leaves all of them alone. Costs a walk through the tree.</summary>
    internal static string OfFolder(string folder)
    {
        var text = new StringBuilder(Format);
        Describe(text, folder);
        (ulong sum, long count) = TreeState(folder);
        return $"{FolderPrefix(folder)}{Sha256.Hex(text.Append('\0').Append(sum).Append('\0').Append(count).ToString())[..Length]}";
    }

    /// <summary>What the keys of all states of one folder begin with.</summary>
    internal static string FolderPrefix(string folder) => $"{FolderMark}{Sha256.Hex(folder)[..Length]}-";

    private static void Describe(StringBuilder text, string folder)
    {
        FileStatus status = FileStatus.TryOf(folder) ?? throw new UsageException($"the layer {folder} does not exist");
        text.Append('\0').Append(folder).Append('\0').Append(status.FileSystem).Append(':').Append(status.Inode)
            .Append(':').Append(status.ChangedNanoseconds);
    }

    private static (ulong Sum, long Count) TreeState(string path)
    {
        using Folder folder = Folder.Open(path);
        return TreeState(folder);
    }

    private static (ulong Sum, long Count) TreeState(Folder folder)
    {
        ulong sum = 0;
        long count = 0;
        foreach (FolderEntry entry in folder.Read())
        {
            count++;
            // A sum, because the order of a directory's entries is not fixed; each term is spread over all its bits first.
            sum += Spread(entry.Status.Inode ^ Spread((ulong)entry.Status.ChangedNanoseconds));
            if (entry.Status.Kind != FileKind.Directory) continue;
            using Folder? inner = folder.TryOpen(entry.Name);
            if (inner is null) continue;
            (ulong innerSum, long innerCount) = TreeState(inner);
            sum += innerSum;
            count += innerCount;
        }

        return (sum, count);
    }

    // The finalizer of SplitMix64.
    private static ulong Spread(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }
}
