using Runcvm.Linux.Files;

namespace Runcvm.Building;

/// <summary>A folder that a builder works on: given to its user, and taken back.</summary>
internal static class BuiltFolder
{
    // Modules lie six folders deep. Each level costs an open file here.
    private const int MostLevels = 100;

    /// <summary>Gives all that is in it to the user.</summary>
    internal static void Give(string path, uint user)
    {
        using var folder = Folder.Open(path);
        Node.SetOwner(path, user, user);
        Own(folder, user, 1, static _ => true);
    }

    /// <summary>Makes it root's again. Nothing of the user's may run any more.</summary>
    /// <exception cref="UsageException">there is something else in it than plain files and folders: a link would lead
    /// root to where the user could not go</exception>
    internal static void TakeBack(string path, uint user)
    {
        Node.SetOwner(path, 0, 0);
        using var folder = Folder.Open(path);
        Own(folder, 0, 1, entry => entry.Status.Owner != user || IsPlain(entry.Status));
    }

    private static bool IsPlain(FileStatus status)
        => status.Kind == FileKind.Directory || (status.Kind == FileKind.Regular && status.Links == 1);

    private static void Own(Folder folder, uint user, int level, Func<FolderEntry, bool> isFine)
    {
        if (level > MostLevels) throw new UsageException($"it has more than {MostLevels} folders in each other");
        foreach (FolderEntry entry in folder.Read())
        {
            if (!isFine(entry))
                throw new UsageException("what was to be unpacked made something that is no plain file");
            // Links stay root's: what belongs to the user afterwards the user made.
            if (entry.Status.Kind is not (FileKind.Directory or FileKind.Regular)) continue;
            folder.SetOwner(entry.Name, user, user);
            if (entry.Status.Kind != FileKind.Directory) continue;
            using Folder? inner = folder.TryOpen(entry.Name);
            if (inner != null) Own(inner, user, level + 1, isFine);
        }
    }
}
