using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>Turns a distribution's kernel package into a kernel of the store.</summary>
internal static class KernelPackage
{
    /// <summary>Adds what <paramref name="sources"/> name. A kernel of the same name is replaced; machines that run it
    /// keep their open files.</summary>
    /// <param name="store">where to</param>
    /// <param name="sources">one distribution (debian, ubuntu), one package name, .deb files that belong together, or one root
    /// folder: this host's, an unpacked image's</param>
    /// <param name="dist">the first half of the kernel's name; null to take it from the package</param>
    public static Kernel Add(KernelStore store, IReadOnlyList<string> sources, string? dist = null)
    {
        using var work = new KernelWork(store);
        if (sources is [var root] && root.StartsWith('/') && Directory.Exists(root)) return AddFrom(root, dist, work);
        bool files = sources.Any(s => s.EndsWith(".deb", StringComparison.Ordinal));
        List<string> packages = files ? [.. sources] : Apt.Download(sources, work.Folder, store.Machine);
        string content = Path.Combine(work.Folder, "content");
        Node.MakeDirectory(content);
        foreach (string package in packages)
        {
            if (!File.Exists(package)) throw new UsageException($"there is no file {package}");
            Tool.Run("dpkg-deb", "-x", package, content);
        }

        using KernelFiles? kernel = KernelFiles.TryFind(content, out int count);
        if (kernel is null || count != 1) throw NotOne(packages, count);
        if (kernel.IsBesideModules) CheckWhole(kernel);
        return work.Publish(kernel, dist ?? DistributionOf(packages[0]));
    }

    private static Kernel AddFrom(string root, string? dist, KernelWork work)
    {
        if (dist is null && root != "/") throw new UsageException($"say whose kernel {root} holds: runcvm kernel add {root} --as NAME");
        using KernelFiles kernel = KernelFiles.TryFind(root, out _)
            ?? throw new UsageException($"there is no kernel in {root}: looked for {KernelSearch.Places}");
        return work.Publish(kernel, dist ?? "host");
    }

    private static UsageException NotOne(List<string> packages, int count)
        => new(
            $"{string.Join(", ", packages.Select(static p => Path.GetFileName(p)))}: {count} kernels, not one. Name a "
            + "linux-image package, not a metapackage; Debian from Linux 6.19 on has a kernel in three, linux-binary, "
            + "linux-base and linux-modules");

    // Debian from Linux 6.19 on: without linux-base nobody knows what the kernel has built in.
    private static void CheckWhole(KernelFiles kernel)
    {
        using SafeFileHandle? modules = kernel.TryOpenModules();
        string? missing = modules is null ? "linux-modules" : kernel.TryReadConfig() is null ? "linux-base" : null;
        if (missing is not null)
            throw new UsageException(
                $"the kernel {kernel.Release} comes in three packages: name {missing}-{kernel.Release} as well");
    }

    private static string DistributionOf(string package)
    {
        string maintainer = Tool.Run("dpkg-deb", "-f", package, "Maintainer");
        return maintainer.Contains("ubuntu", StringComparison.OrdinalIgnoreCase) ? "ubuntu" : "debian";
    }
}
