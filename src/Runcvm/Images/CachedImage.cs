using System.Text;
using Runcvm.HostFiles;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.Images;

/// <summary>A root image as it lies in the cache.</summary>
/// <param name="Key">names the content</param>
/// <param name="Bytes">of its file; of one that is being built, what is there by now</param>
/// <param name="LastUse">when a machine was last made of it (UTC)</param>
/// <param name="Users">machines that boot from it</param>
/// <param name="IsBuilding">somebody is making it; there is no file yet, or one that will be replaced</param>
/// <param name="TopLayer">the uppermost of the folders that it was made of, or null where that is not known</param>
internal sealed record CachedImage(string Key, long Bytes, DateTime LastUse, int Users, bool IsBuilding, string? TopLayer)
{
    private const string DefaultStateFolder = "/run/runcvm";

    // In a machine's state folder: the key of its image.
    private const string RootImageFile = "root-image";

    internal static IReadOnlyList<CachedImage> All(string folder = RootImageCache.DefaultFolder, string stateFolder = DefaultStateFolder)
    {
        var cache = new RootImageCache(folder);
        ILookup<string, string> users = UsersByKey(stateFolder);
        var images = new List<CachedImage>();
        foreach (string key in cache.Keys())
        {
            FileStatus? file = FileStatus.TryOf(cache.PathOf(key));
            bool building = LockFile.IsHeld(cache.LockOf(key));
            if (file is null && !building) continue;
            DateTime used = DateTime.UnixEpoch.AddTicks((file?.ModifiedNanoseconds ?? 0) / 100);
            images.Add(new CachedImage(key, (long)(file?.Size ?? 0) + (building ? cache.UnfinishedBytes(key) : 0), used, users[key].Count(), building, TopLayerOf(cache, key)));
        }

        return images;
    }

    /// <summary>How many machines boot from an image, now.</summary>
    internal static int UsersOf(string key, string stateFolder = DefaultStateFolder) => UsersByKey(stateFolder)[key].Count();

    private static ILookup<string, string> UsersByKey(string stateFolder)
    {
        IEnumerable<string> machines = Directory.Exists(stateFolder) ? Directory.EnumerateDirectories(stateFolder) : [];
        return machines.Select(static machine => Path.Combine(machine, RootImageFile))
            .Select(static file => (File: file, Key: TryReadKey(file)))
            .Where(static item => item.Key != null)
            .ToLookup(static item => item.Key!, static item => item.File);
    }

    // What cannot be read names no image: one machine's broken folder hides no other's.
    private static string? TryReadKey(string file)
    {
        const int LongestKey = 256;
        try
        {
            return FileDescriptor.TryReadRegular(file, LongestKey) is { } key ? Encoding.UTF8.GetString(key).Trim()
                : null;
        }
        catch (LinuxException)
        {
            return null;
        }
    }

    private static string? TopLayerOf(RootImageCache cache, string key)
    {
        string file = cache.LayersOf(key);
        return File.Exists(file) ? File.ReadLines(file).FirstOrDefault() : null;
    }
}
