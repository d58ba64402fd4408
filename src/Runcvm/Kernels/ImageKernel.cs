using System.Globalization;
using System.Runtime.InteropServices;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>The kernel that lies inside an image, unpacked once for all containers of it.</summary>
internal static class ImageKernel
{
    /// <summary>What <c>RUNCVM_KERNEL</c> says to ask for it.</summary>
    public const string Choice = "image";

    /// <summary>Finds it below the container's root, and unpacks it if that was not done before. The image's own indexes of its
    /// modules are taken: nothing of it is parsed here but the kernel's header.</summary>
    public static Kernel Ensure(string rootPath, string cacheFolder, Architecture machine, out bool isNew)
    {
        isNew = false;
        using KernelFiles files = KernelFiles.TryFind(rootPath, out _)
            ?? throw new UsageException(
                $"RUNCVM_KERNEL=image, but there is no kernel in this image: looked for {KernelSearch.Places}");
        var store = new KernelStore(cacheFolder, machine);
        string key = KeyOf(files.Identity());
        if (TryUse(store, key, files.Release) is { } known) return known;
        using var work = new KernelWork(store);
        // Somebody may have made it while this one waited.
        if (TryUse(store, key, files.Release) is { } others) return others;
        isNew = true;
        return work.Publish(files, key, Indexes.Take);
    }

    /// <summary>When a machine was last made with it (UTC).</summary>
    internal static DateTime LastUseOf(Kernel kernel) => File.GetLastWriteTimeUtc(kernel.ReleasePath);

    private static Kernel? TryUse(KernelStore store, string key, string release)
    {
        try
        {
            Kernel? kernel = store.TryOpen(key, release);
            if (kernel != null) File.SetLastWriteTimeUtc(kernel.ReleasePath, DateTime.UtcNow);
            return kernel;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            // It was removed between two looks at it (ImageKernelEviction).
            return null;
        }
    }

    // Nobody can give two different files the same inode and the same time of change, and all containers of an image see the same.
    private static string KeyOf(FileStatus file) => string.Create(
        CultureInfo.InvariantCulture, $"{file.Inode:x}-{file.Size:x}-{file.ModifiedNanoseconds:x}-{file.ChangedNanoseconds:x}");
}
