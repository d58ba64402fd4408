using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>Turns a distribution's kernel package into a kernel of the store.</summary>
internal static class KernelPackage
{
    /// <summary>Adds what <paramref name="sources"/> name. A kernel of the same name is replaced; machines that run it
    /// keep their open files.</summary>
    /// <param name="store">where to</param>
    /// <param name="sources">one distribution (debian, ubuntu), one package name, or .deb files that belong together</param>
    /// <param name="dist">the first half of the kernel's name; null to take it from the package</param>
    public static Kernel Add(KernelStore store, IReadOnlyList<string> sources, string? dist = null)
    {
        Node.MakeDirectory(store.Root);
        // One at a time: so that whatever lies in the work folder is garbage of someone who did not come to an end.
        using SafeFileHandle oneAtATime = FileDescriptor.Open(
            Path.Combine(store.Root, ".lock"), OpenFlags.WriteOnly | OpenFlags.Create, 0x180);
        FileDescriptor.Lock(oneAtATime);
        string work = Path.Combine(store.Root, ".work");
        if (Directory.Exists(work)) Directory.Delete(work, recursive: true);
        Node.MakeDirectory(work);
        try
        {
            return Add(store, sources, dist, work);
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    private static Kernel Add(KernelStore store, IReadOnlyList<string> sources, string? dist, string work)
    {
        bool files = sources.Any(s => s.EndsWith(".deb", StringComparison.Ordinal));
        List<string> packages = files ? [.. sources] : Apt.Download(sources, work);
        string content = Path.Combine(work, "content");
        Node.MakeDirectory(content);
        foreach (string package in packages)
        {
            if (!File.Exists(package)) throw new UsageException($"there is no file {package}");
            Tool.Run("dpkg-deb", "-x", package, content);
        }

        dist ??= DistributionOf(packages[0]);
        if (!KernelStore.IsName(dist)) throw new UsageException($"'{dist}' cannot be the first half of a kernel's name");
        string image = ImageIn(content, packages[0]);
        string release = Path.GetFileName(image)[(Path.GetFileName(image).IndexOf('-') + 1)..];
        string folder = Path.Combine(work, "kernel");
        Node.MakeDirectory(folder);
        WriteKernel(image, folder, work);
        WriteModules(content, release, folder, work);
        string config = Path.Combine(content, "boot", "config-" + release);
        if (File.Exists(config)) File.Copy(config, Path.Combine(folder, "config"));
        File.WriteAllText(Path.Combine(folder, "release"), release + "\n");
        Publish(folder, Path.Combine(store.Root, dist, release), work);
        return store.Choose($"{dist}/{release}", "runcvm kernel add");
    }

    private static string ImageIn(string content, string package)
    {
        string boot = Path.Combine(content, "boot");
        string[] images = Directory.Exists(boot) ? [.. Directory.GetFiles(boot, "vmlinu?-*")] : [];
        if (images.Length == 1) return images[0];
        throw new UsageException(
            $"{Path.GetFileName(package)} holds {images.Length} kernels, not one: it must be a linux-image package, not a metapackage");
    }

    private static void WriteKernel(string image, string folder, string work)
    {
        byte[] kernel = BootImage.Unpack(File.ReadAllBytes(image), work, Path.GetFileName(image));
        if (BootImage.IsElf(kernel) && !PvhNote.IsIn(kernel))
            throw new UsageException($"{Path.GetFileName(image)} cannot be booted directly: it is built without CONFIG_PVH");
        File.WriteAllBytes(Path.Combine(folder, "vmlinux"), kernel);
    }

    private static void WriteModules(string content, string release, string folder, string work)
    {
        string? modules = ModuleFolder.FindIn(content, release);
        if (modules is null) return;
        string prepared = ModuleFolder.Prepare(modules, release, Path.Combine(work, "modules"));
        ModuleFolder.CopyForBoot(prepared, Path.Combine(folder, "boot-modules"));
        ModuleFolder.MakeImage(prepared, Path.Combine(folder, "modules.erofs"));
    }

    private static string DistributionOf(string package)
    {
        string maintainer = Tool.Run("dpkg-deb", "-f", package, "Maintainer");
        return maintainer.Contains("ubuntu", StringComparison.OrdinalIgnoreCase) ? "ubuntu" : "debian";
    }

    private static void Publish(string folder, string target, string work)
    {
        foreach (string path in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
        {
            using SafeFileHandle file = FileDescriptor.Open(path, OpenFlags.ReadOnly);
            FileDescriptor.Sync(file);
        }

        Node.MakeDirectory(Path.GetDirectoryName(target)!);
        if (Directory.Exists(target)) Directory.Move(target, Path.Combine(work, "replaced"));
        Directory.Move(folder, target);
    }
}
