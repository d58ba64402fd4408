using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>The kernel that lies inside an image, unpacked once for all containers of it.</summary>
internal static class ImageKernel
{
    /// <summary>What <c>RUNCVM_KERNEL</c> says to ask for it.</summary>
    public const string Choice = "image";

    /// <summary>Finds it below the container's root, and unpacks it if that was not done before. The image's own indexes of its
    /// modules are taken: nothing of it is parsed here but the kernel's header.</summary>
    /// <param name="rootPath">the container's root</param>
    /// <param name="cacheFolder">where it is kept</param>
    /// <param name="machine">the processors that it must be for</param>
    /// <param name="use">says in the machine's state that it uses the kernel of this key, before that is looked for:
    /// from then on nobody removes it</param>
    /// <param name="isNew">it was unpacked just now</param>
    public static Kernel Ensure(
        string rootPath, string cacheFolder, Architecture machine, Action<string> use, out bool isNew)
    {
        isNew = false;
        using KernelFiles files = KernelFiles.TryFind(rootPath, out _)
            ?? throw new UsageException(
                $"RUNCVM_KERNEL=image, but there is no kernel in this image: looked for {KernelSearch.Places}");
        var store = new KernelStore(cacheFolder, machine);
        string key = KeyOf(files.Identity());
        use(key);
        if (TryUse(store, key, files.Release) is { } known) return known;
        using var work = new KernelWork(store);
        // Somebody may have made it while this one waited.
        if (TryUse(store, key, files.Release) is { } others) return others;
        isNew = true;
        return work.Publish(files, key);
    }

    /// <summary>When a machine was last made with it (UTC).</summary>
    internal static DateTime LastUseOf(Kernel kernel) => File.GetLastWriteTimeUtc(kernel.ReleasePath);

    /// <summary>Held by those who look for their kernel, shared, and by whoever removes one.</summary>
    internal static string UsesLock(string cacheFolder) => Path.Combine(cacheFolder, ".uses");

    private static Kernel? TryUse(KernelStore store, string key, string release)
    {
        using SafeFileHandle? uses = FileDescriptor.TryOpen(
            UsesLock(store.Root), OpenFlags.ReadWrite | OpenFlags.Create, Permission.OwnersFile);
        if (uses is null) return null;
        FileDescriptor.LockShared(uses);
        Kernel? kernel = store.TryOpen(key, release);
        if (kernel != null) File.SetLastWriteTimeUtc(kernel.ReleasePath, DateTime.UtcNow);
        return kernel;
    }

    // Nobody can give two different files the same inode and the same time of change, and all containers of an image see the same.
    private static string KeyOf(FileStatus file) => string.Create(
        CultureInfo.InvariantCulture, $"{file.Inode:x}-{file.Size:x}-{file.ModifiedNanoseconds:x}-{file.ChangedNanoseconds:x}");
}
