using System.Runtime.InteropServices;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>Removes kernels that were unpacked out of images, the one longest unused first. A machine that runs keeps
/// its kernel's files until it ends.</summary>
/// <param name="folder">of the cache</param>
/// <param name="archives">folder of the archives with which machines start, which has one for each kernel</param>
internal sealed class ImageKernelEviction(string folder, string archives)
{
    // A start that has found its kernel may still have to build its root image before the sandbox holds the files.
    private static readonly TimeSpan MayBeStarting = TimeSpan.FromMinutes(10);

    private readonly KernelStore _store = new(folder, RuntimeInformation.OSArchitecture);

    /// <summary>Removes all but those used last.</summary>
    /// <returns>name and bytes of each that went</returns>
    internal IReadOnlyList<(string Name, long Bytes)> Prune(int keep) => Remove(all => all.SkipLast(keep));

    /// <summary>Removes as few as make the rest no larger than that.</summary>
    internal IReadOnlyList<(string Name, long Bytes)> Shrink(long mostBytes) => Remove(all =>
    {
        long total = all.Sum(static kernel => kernel.Bytes);
        return all.TakeWhile(kernel =>
        {
            bool goes = total > mostBytes;
            total -= kernel.Bytes;
            return goes;
        });
    });

    private List<(string Name, long Bytes)> Remove(Func<List<Cached>, IEnumerable<Cached>> choose)
    {
        var removed = new List<(string, long)>();
        if (!Directory.Exists(folder)) return removed;
        // Nobody else adds or removes one meanwhile. What is moved to the folder of work goes with it.
        using var work = new KernelWork(_store);
        DateTime before = DateTime.UtcNow - MayBeStarting;
        foreach (Cached cached in choose(All()).Where(cached => cached.LastUse < before))
        {
            string key = Path.GetDirectoryName(cached.Kernel.Folder)!;
            Directory.Move(key, Path.Combine(work.Folder, Path.GetFileName(key)));
            string archive = Path.Combine(archives, Path.GetFileName(key));
            if (Directory.Exists(archive)) Directory.Delete(archive, recursive: true);
            removed.Add((cached.Kernel.Name, cached.Bytes));
        }

        return removed;
    }

    // The longest unused first.
    private List<Cached> All() =>
    [
        .. _store.All()
            .Select(static kernel => new Cached(kernel, ImageKernel.LastUseOf(kernel), BytesOf(kernel.Folder)))
            .OrderBy(static cached => cached.LastUse),
    ];

    private static long BytesOf(string folder) => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Sum(static path => (long)(FileStatus.TryOf(path)?.Size ?? 0));

    private sealed record Cached(Kernel Kernel, DateTime LastUse, long Bytes);
}
