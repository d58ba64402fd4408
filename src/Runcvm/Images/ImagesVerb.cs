using System.Globalization;
using Runcvm.Linux.Files;

namespace Runcvm.Images;

/// <summary><c>runcvm images</c> lists root images, <c>runcvm images prune</c> removes those no machine runs on.</summary>
internal static class ImagesVerb
{
    private const string DefaultStateFolder = "/run/runcvm";

    /// <summary>In a machine's state folder: the key of its image.</summary>
    internal const string RootImageFile = "root-image";

    internal static int Run(
        string[] args, TextWriter output, string folder = RootImageCache.DefaultFolder, string stateFolder = DefaultStateFolder)
    {
        var cache = new RootImageCache(folder);
        switch (args)
        {
            case []:
                List(cache, InUse(stateFolder), output);
                return 0;
            case ["prune"]:
                Prune(cache, InUse(stateFolder), output);
                return 0;
            default:
                throw new UsageException($"'runcvm images {string.Join(' ', args)}' is unknown: 'runcvm images' lists, 'runcvm images prune' removes");
        }
    }

    private static void List(RootImageCache cache, HashSet<string> inUse, TextWriter output)
    {
        int width = cache.Keys().Select(key => key.Length).DefaultIfEmpty(0).Max() + 2;
        output.WriteLine($"{"KEY".PadRight(width)}{"MiB",8}  {"LAST USE (UTC)",-18}STATE");
        foreach (string key in cache.Keys())
        {
            FileStatus? file = FileStatus.TryOf(cache.PathOf(key));
            string state = LockFile.IsHeld(cache.LockOf(key)) ? "building" : inUse.Contains(key) ? "in use" : "";
            if (file is null && state.Length == 0) continue;
            string size = file is { } f ? (f.Size >> 20).ToString(CultureInfo.InvariantCulture) : "-";
            string used = file is { } g
                ? DateTime.UnixEpoch.AddTicks(g.ModifiedNanoseconds / 100).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)
                : "-";
            output.WriteLine($"{key.PadRight(width)}{size,8}  {used,-18}{state}".TrimEnd());
        }
    }

    private static void Prune(RootImageCache cache, HashSet<string> inUse, TextWriter output)
    {
        long freed = 0;
        foreach (string key in cache.Keys().Where(key => !inUse.Contains(key)))
        {
            using LockFile? unused = LockFile.TryAcquire(cache.LockOf(key));
            if (unused is null || FileStatus.TryOf(cache.PathOf(key)) is not { } file) continue;
            File.Delete(cache.PathOf(key));
            freed += (long)file.Size;
            output.WriteLine($"removed {key}");
        }

        output.WriteLine($"{freed >> 20} MiB freed");
    }

    private static HashSet<string> InUse(string stateFolder)
    {
        var keys = new HashSet<string>(StringComparer.Ordinal);
        if (!Directory.Exists(stateFolder)) return keys;
        foreach (string machine in Directory.EnumerateDirectories(stateFolder))
        {
            string file = Path.Combine(machine, RootImageFile);
            if (File.Exists(file)) keys.Add(File.ReadAllText(file).Trim());
        }

        return keys;
    }
}
