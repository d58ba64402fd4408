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
        ForAll(folder, 1, (inner, entry) =>
        {
            if (IsGiven(entry.Status)) inner.SetOwner(entry.Name, user, user);
        });
    }

    /// <summary>Makes it root's again, and nobody else may write there, whatever the user allowed whom. Nothing of the
    /// user's may run any more.</summary>
    /// <exception cref="UsageException">there is something else in it than plain files and folders: a link would lead
    /// root to where the user could not go</exception>
    internal static void TakeBack(string path, uint user)
    {
        Node.SetOwner(path, 0, 0);
        Node.SetPermissionsAlone(path, Permission.PlainFolder);
        using var folder = Folder.Open(path);
        ForAll(folder, 1, (inner, entry) => TakeBack(inner, entry, user));
    }

    private static void TakeBack(Folder folder, FolderEntry entry, uint user)
    {
        if (entry.Status.Owner == user && !IsPlain(entry.Status))
            throw new UsageException("what was to be unpacked made something that is no plain file");
        if (!IsGiven(entry.Status)) return;
        folder.SetOwner(entry.Name, 0, 0);
        bool isFolder = entry.Status.Kind == FileKind.Directory;
        folder.SetPermissionsAlone(entry.Name, isFolder ? Permission.PlainFolder : Permission.PlainFile);
    }

    private static bool IsPlain(FileStatus status)
        => status.Kind == FileKind.Directory || (status.Kind == FileKind.Regular && status.Links == 1);

    // Links stay root's: what belongs to the user afterwards the user made.
    private static bool IsGiven(FileStatus status) => status.Kind is FileKind.Directory or FileKind.Regular;

    // A folder comes before what is in it.
    private static void ForAll(Folder folder, int level, Action<Folder, FolderEntry> change)
    {
        if (level > MostLevels) throw new UsageException($"it has more than {MostLevels} folders in each other");
        foreach (FolderEntry entry in folder.Read())
        {
            change(folder, entry);
            if (entry.Status.Kind != FileKind.Directory) continue;
            using Folder? inner = folder.TryOpen(entry.Name);
            if (inner != null) ForAll(inner, level + 1, change);
        }
    }
}
