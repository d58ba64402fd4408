using Microsoft.Win32.SafeHandles;
using Runcvm.HostFiles;
using Runcvm.Linux.Files;

namespace Runcvm.Images;

/// <summary>Takes images out of the cache, the one longest unused first, and never one that a machine uses or that is being
/// built. A start that comes at the same moment either is seen here or finds its image gone and builds it.</summary>
internal sealed class ImageEviction(string folder = RootImageCache.DefaultFolder, string stateFolder = "/run/runcvm")
{
    private readonly RootImageCache _cache = new(folder);

    /// <summary>Removes what no machine uses, but for those used last.</summary>
    internal IReadOnlyList<CachedImage> Prune(int keep)
    {
        _cache.RemoveLeftovers();
        return [.. Unused().SkipLast(keep).Where(TryRemove)];
    }

    /// <summary>Removes as few images as make the cache no larger than that.</summary>
    internal IReadOnlyList<CachedImage> Shrink(long mostBytes)
    {
        long total = CachedImage.All(folder, stateFolder).Sum(static image => image.Bytes);
        var removed = new List<CachedImage>();
        if (total <= mostBytes) return removed;
        foreach (CachedImage image in Unused())
        {
            if (total <= mostBytes) break;
            if (!TryRemove(image)) continue;
            total -= image.Bytes;
            removed.Add(image);
        }

        return removed;
    }

    private IEnumerable<CachedImage> Unused()
        => CachedImage.All(folder, stateFolder).Where(static image => image is { Users: 0, IsBuilding: false }).OrderBy(static image => image.LastUse);

    private bool TryRemove(CachedImage image)
    {
        using LockFile? builder = LockFile.TryAcquire(_cache.LockOf(image.Key));
        if (builder is null) return false;
        using SafeFileHandle starts = FileDescriptor.Open(_cache.StartsLock, OpenFlags.ReadWrite | OpenFlags.Create, Permission.OwnersFile);
        // From here on no start looks for its image; those that did have said before which one they use.
        FileDescriptor.Lock(starts);
        if (CachedImage.UsersOf(image.Key, stateFolder) > 0) return false;
        File.Delete(_cache.PathOf(image.Key));
        File.Delete(_cache.LayersOf(image.Key));
        return true;
    }
}
