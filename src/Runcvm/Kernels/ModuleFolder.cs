using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>A kernel's <c>/lib/modules/RELEASE</c>, from the package's form to the one that guests mount.</summary>
internal static class ModuleFolder
{
    // A command line holds 2 MB at most; so many paths are far from it.
    private const int FilesPerRun = 500;

    /// <summary>The folder inside an unpacked package, or null for a kernel that has everything built in.</summary>
    public static string? FindIn(string content, string release)
    {
        foreach (string lib in (ReadOnlySpan<string>)["lib", "usr/lib"])
        {
            string folder = Path.Combine(content, lib, "modules", release);
            if (Directory.Exists(Path.Combine(folder, "kernel"))) return folder;
        }

        return null;
    }

    /// <summary>Moves the folder to a place of its own, unpacks the modules, and makes the indexes that packages lack.</summary>
    public static string Prepare(string modules, string release, string work)
    {
        string folder = Path.Combine(work, "lib/modules", release);
        Node.MakeDirectory(Path.GetDirectoryName(folder)!);
        Directory.Move(modules, folder);
        // Some versions of depmod look below usr/lib, others below lib.
        Directory.CreateSymbolicLink(Path.Combine(work, "usr"), ".");
        foreach (string link in (ReadOnlySpan<string>)["build", "source"]) File.Delete(Path.Combine(folder, link));
        Unpack(folder);
        Tool.Run("depmod", "-b", work, release);
        return folder;
    }

    /// <summary>Copies the modules that boot needs, named so that their names sort in load order.</summary>
    public static void CopyForBoot(string modules, string target)
    {
        Node.MakeDirectory(target);
        List<string> order = ModuleList.ForBoot(modules);
        for (int i = 0; i < order.Count; i++)
            File.Copy(Path.Combine(modules, order[i]), Path.Combine(target, $"{i:d2}-{ModuleList.NameOf(order[i])}.ko"));
    }

    /// <summary>Not compressed: the host's page cache is shared by all machines, and unpacking would be paid by each.</summary>
    public static void MakeImage(string modules, string image)
        => Tool.Run("mkfs.erofs", "--quiet", "--all-root", "-T0", image, modules);

    /// <summary>The kernel is asked to unpack nothing: not every kernel can, and here it is done once for all machines.</summary>
    private static void Unpack(string folder)
    {
        RunOn(folder, "*.ko.xz", "xz", "--decompress", "--quiet");
        RunOn(folder, "*.ko.zst", "zstd", "--decompress", "--rm", "--quiet");
        RunOn(folder, "*.ko.gz", "gzip", "--decompress", "--quiet");
    }

    private static void RunOn(string folder, string pattern, string tool, params string[] options)
    {
        string[] files = Directory.GetFiles(folder, pattern, SearchOption.AllDirectories);
        foreach (string[] some in files.Chunk(FilesPerRun)) Tool.Run(tool, [.. options, .. some]);
    }
}
