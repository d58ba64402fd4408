using Runcvm.Linux.Files;

namespace Runcvm.Images;

/// <summary>How large the image of a tree would be. mkfs.erofs writes the holes of files out as zeros, so that a layer
/// of a few bytes may be an image of any size, and it would take hours to come to its end.</summary>
internal sealed class TreeSize
{
    /// <summary>How the reason begins if it is too large.</summary>
    internal const string TooLarge = "it would have more than ";

    private const int Block = 4096;

    // In the image: an inode, and an entry without its name.
    private const int BytesPerEntry = 64 + 12;

    // mkfs.erofs takes some 600 bytes of memory for each.
    private const int MostEntries = 4_000_000;

    // Each costs an open file here. Paths have 4096 bytes at most.
    internal const int MostLevels = 500;

    private readonly HashSet<(ulong, ulong)> _linked = [];
    private readonly long _most;
    private long _bytes;
    private int _entries;

    private TreeSize(long most) => _most = most;

    /// <summary>Looks at the whole tree, or as much of it as is within bounds.</summary>
    /// <param name="folder">its root</param>
    /// <param name="most">bytes</param>
    /// <exception cref="UsageException">it is too large</exception>
    internal static void Check(string folder, long most)
    {
        using Folder root = Folder.Open(folder);
        new TreeSize(most).Add(root, 1);
    }

    internal static UsageException TooDeep(string what)
        => new($"{what} has more than {MostLevels} folders in each other");

    private void Add(Folder folder, int level)
    {
        if (level > MostLevels) throw TooDeep("it");
        foreach (FolderEntry entry in folder.Read())
        {
            Add(entry);
            if (entry.Status.Kind != FileKind.Directory) continue;
            using Folder? inner = folder.TryOpen(entry.Name);
            if (inner != null) Add(inner, level + 1);
        }
    }

    private void Add(in FolderEntry entry)
    {
        if (++_entries > MostEntries) throw new UsageException($"it has more than {MostEntries} files");
        FileStatus status = entry.Status;
        _bytes += BytesPerEntry + entry.Name.Length;
        bool isCounted = status.Links > 1 && !_linked.Add((status.FileSystem, status.Inode));
        if (status.Kind == FileKind.Regular && !isCounted)
            _bytes += (long)((Math.Min(status.Size, long.MaxValue / 4) + Block - 1) / Block * Block);
        if (_bytes > _most)
            throw new UsageException($"{TooLarge}{_most >> 20} MiB with the holes of its files filled");
    }
}
