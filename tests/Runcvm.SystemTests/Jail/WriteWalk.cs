namespace Runcvm.SystemTests.Jail;

/// <summary>Tries to make a file in every folder that a process sees: at each mount, and some levels below.</summary>
internal static class WriteWalk
{
    private const int Deepest = 4;
    private const int MostFolders = 3000;

    /// <summary>Gives the folders where it could.</summary>
    internal static async Task<List<string>> FoldersAsync(Inhabitant process, Injector at, Func<string, bool> isKnown)
    {
        var folders = new HashSet<string>(StringComparer.Ordinal);
        ILookup<bool, string> places = process.Mounts.ToLookup(
            static mount => mount.Type is "proc" or "sysfs" or "devpts", static mount => mount.Place);
        var skipped = places[true].ToHashSet(StringComparer.Ordinal);
        foreach (string place in places[false]) Add(folders, skipped, $"/proc/{process.Id}/root", place, Deepest);

        var writable = new List<string>();
        foreach (string folder in folders.Where(folder => !isKnown(folder)))
            if ((await FileAttempts.CreateAsync(at, $"{folder.TrimEnd('/')}/jail-test")).Worked)
                writable.Add(folder);
        return writable;
    }

    private static void Add(HashSet<string> folders, HashSet<string> skipped, string root, string folder, int depth)
    {
        if (folders.Count >= MostFolders || skipped.Contains(folder) || !Directory.Exists(root + folder)) return;
        if (!folders.Add(folder) || depth == 0) return;
        foreach (DirectoryInfo child in new DirectoryInfo(root + folder).EnumerateDirectories())
            if (child.LinkTarget is null)
                Add(folders, skipped, root, $"{folder.TrimEnd('/')}/{child.Name}", depth - 1);
    }
}
