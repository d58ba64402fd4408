using Runcvm.Linux.Files;

namespace Runcvm.Images;

/// <summary>Something in the container's own layer that is newer than what the guest has.</summary>
/// <param name="Path">relative to the layer, without a leading slash; empty for the root; need not be UTF-8</param>
/// <param name="WithContents">a folder that is new with everything below it; else a folder stands for its own
/// attributes only</param>
internal readonly record struct UpperChange(byte[] Path, bool WithContents);

/// <summary>A walk through an upper layer that finds what changed after a point in time.</summary>
internal sealed class UpperChanges
{
    // The list travels to the guest in one message; a folder that is new as a whole counts once.
    private const int Limit = 100_000;

    private readonly List<UpperChange> _found = [];
    private readonly long _after;

    /// <param name="after">nanoseconds since 1970</param>
    internal UpperChanges(long after)
    {
        _after = after;
        Newest = after;
    }

    /// <summary>Folders come before what they hold.</summary>
    internal IReadOnlyList<UpperChange> Found => _found;

    /// <summary>The newest ctime that was seen, in nanoseconds since 1970: what to pass as <c>after</c> next time.
    /// Not the time of the walk: ctime has the granularity of the kernel's tick and lags behind the clock.</summary>
    internal long Newest { get; private set; }

    internal void Walk(string folder)
    {
        using Folder open = Folder.Open(folder);
        long changed = FileStatus.TryOf(folder)?.ChangedNanoseconds ?? 0;
        if (!WalkFolder(open, [], changed, 1) && _found.Count > Limit)
        {
            throw new UsageException(
                $"more than {Limit} separate files in {folder} are newer than the container's last start: copy them in as one new folder");
        }
    }

    // True when the folder and everything below it is new, and so one entry stands for all.
    private bool WalkFolder(Folder folder, byte[] path, long changed, int level)
    {
        if (level > TreeSize.MostLevels) throw TreeSize.TooDeep("the container's own layer");
        bool isNew = IsNew(changed);
        bool allNew = isNew;
        int before = _found.Count;
        foreach (FolderEntry entry in folder.Read()) allNew &= WalkEntry(folder, path, entry, level);
        if (allNew)
        {
            _found.RemoveRange(before, _found.Count - before);
            _found.Add(new UpperChange(path, true));
        }
        else if (isNew)
        {
            _found.Insert(before, new UpperChange(path, false));
        }

        return allNew;
    }

    private bool WalkEntry(Folder folder, byte[] parent, FolderEntry entry, int level)
    {
        byte[] path = parent.Length == 0 ? entry.Name : [.. parent, (byte)'/', .. entry.Name];
        if (entry.Status.Kind == FileKind.Directory)
        {
            using Folder? inner = folder.TryOpen(entry.Name);
            return inner is not null && WalkFolder(inner, path, entry.Status.ChangedNanoseconds, level + 1);
        }

        if (!IsNew(entry.Status.ChangedNanoseconds)) return false;
        _found.Add(new UpperChange(path, false));
        return true;
    }

    private bool IsNew(long changed)
    {
        Newest = Math.Max(Newest, changed);
        return changed > _after;
    }
}
