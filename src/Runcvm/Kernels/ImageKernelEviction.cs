using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>Removes kernels that were unpacked out of images, the one longest unused first, and never one that a
/// machine has. A start that comes at the same moment either is seen here, or finds its kernel gone and unpacks
/// it.</summary>
/// <param name="folder">of the cache</param>
/// <param name="archives">folder of the archives with which machines start, which has one for each kernel</param>
/// <param name="used">keys of the kernels that machines have</param>
internal sealed class ImageKernelEviction(string folder, string archives, Func<IReadOnlySet<string>> used)
{
    private readonly KernelStore _store = new(folder, RuntimeInformation.OSArchitecture);

    /// <summary>Removes what no machine has, but for those used last.</summary>
    /// <returns>name and bytes of each that went</returns>
    internal IReadOnlyList<(string Name, long Bytes)> Prune(int keep) => Remove(keep, mostBytes: 0);

    /// <summary>Removes as few as make the rest no larger than that.</summary>
    internal IReadOnlyList<(string Name, long Bytes)> Shrink(long mostBytes) => Remove(keep: 0, mostBytes);

    private List<(string Name, long Bytes)> Remove(int keep, long mostBytes)
    {
        var removed = new List<(string, long)>();
        if (!Directory.Exists(folder)) return removed;
        // Nobody else adds or removes one meanwhile. What is moved to the folder of work goes with it.
        using var work = new KernelWork(_store);
        List<Cached> all = All();
        IReadOnlySet<string> keys = used();
        long total = all.Sum(static kernel => kernel.Bytes);
        foreach (Cached cached in all.Where(kernel => !keys.Contains(kernel.Key)).SkipLast(keep))
        {
            if (total <= mostBytes) break;
            if (!TryRemove(cached, work.Folder)) continue;
            total -= cached.Bytes;
            removed.Add((cached.Kernel.Name, cached.Bytes));
        }

        return removed;
    }

    private bool TryRemove(Cached cached, string work)
    {
        using SafeFileHandle uses = FileDescriptor.Open(
            ImageKernel.UsesLock(folder), OpenFlags.ReadWrite | OpenFlags.Create, Permission.OwnersFile);
        // From here on no start looks for its kernel; those that did have said before which one they use.
        FileDescriptor.Lock(uses);
        if (used().Contains(cached.Key)) return false;
        string archive = Path.Combine(archives, cached.Key);
        if (Directory.Exists(archive)) Directory.Delete(archive, recursive: true);
        Directory.Move(Path.Combine(folder, cached.Key), Path.Combine(work, cached.Key));
        return true;
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

    private sealed record Cached(Kernel Kernel, DateTime LastUse, long Bytes)
    {
        internal string Key => Path.GetFileName(Path.GetDirectoryName(Kernel.Folder)!);
    }
}
