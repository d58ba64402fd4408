using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>A kernel's <c>/lib/modules/RELEASE</c>, from the package's form to the one that guests mount.</summary>
internal static class ModuleFolder
{
    // A command line holds 2 MB at most; so many paths are far from it.
    private const int FilesPerRun = 500;

    // Debian's largest kernel has about 4 500 files in 400 MB, the largest of them 30.
    private const int FilesAtMost = 20_000;
    private const long BytesAtMost = 1L << 30;
    private const long BytesOfModule = 128L << 20;

    // All of that in a few dozen seconds of a slow host.
    private static readonly TimeSpan LongestUnpacking = TimeSpan.FromMinutes(5);

    // Distributions that keep the kernel with its modules: a machine needs neither it nor its table of symbols there.
    private static readonly string[] NotForGuests = ["vmlinuz", "vmlinux", "Image", "System.map", "symvers.gz"];

    private static readonly EnumerationOptions PlainFiles = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };

    /// <summary>Copies the folder to a place of its own, unpacks the modules, and sees to the indexes.</summary>
    public static string Prepare(SafeFileHandle modules, string release, string work, Indexes indexes)
    {
        string folder = Path.Combine(work, "lib/modules", release);
        Copy(FileDescriptor.PathOf(modules), folder);
        Unpack(folder);
        if (indexes == Indexes.Take)
        {
            TakeIndexes(folder);
            return folder;
        }

        // Some versions of depmod look below usr/lib, others below lib.
        Directory.CreateSymbolicLink(Path.Combine(work, "usr"), ".");
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
        => Tool.RunBounded(2 * BytesAtMost, "mkfs.erofs", "--quiet", "--all-root", "-T0", image, modules);

    /// <summary>Plain files with plain names, and no links: those lead to where the kernel was built, or anywhere.</summary>
    private static void Copy(string from, string to)
    {
        int files = 0;
        long bytes = 0;
        foreach (string path in Directory.EnumerateFiles(from, "*", PlainFiles))
        {
            string name = Path.GetRelativePath(from, path);
            if (NotForGuests.Contains(name) || name.EndsWith(".efi", StringComparison.Ordinal)) continue;
            if (FileStatus.TryOf(path) is not { Kind: FileKind.Regular } status || !name.Split('/').All(KernelStore.IsName)) continue;
            bytes += (long)Math.Min(status.Size, (ulong)BytesAtMost + 1);
            if (++files > FilesAtMost || bytes > BytesAtMost) throw TooMuch();
            string target = Path.Combine(to, name);
            Node.MakeDirectory(Path.GetDirectoryName(target)!);
            File.Copy(path, target);
        }
    }

    private static void TakeIndexes(string folder)
    {
        string dependencies = Path.Combine(folder, "modules.dep");
        if (!File.Exists(dependencies))
            throw new UsageException($"the kernel {Path.GetFileName(folder)} has no modules.dep: run 'depmod {Path.GetFileName(folder)}' where it is installed");
        string text = File.ReadAllText(dependencies);
        foreach (string suffix in (ReadOnlySpan<string>)[".xz", ".zst", ".gz"]) text = text.Replace(".ko" + suffix, ".ko", StringComparison.Ordinal);
        File.WriteAllText(dependencies, text);
        // These repeat the names of packed files, and would be believed before the text.
        foreach (string binary in Directory.GetFiles(folder, "*.bin")) File.Delete(binary);
    }

    /// <summary>The kernel is asked to unpack nothing: not every kernel can, and here it is done once for all machines.</summary>
    private static void Unpack(string folder)
    {
        RunOn(folder, "*.ko.xz", "xz", "--decompress", "--quiet");
        RunOn(folder, "*.ko.zst", "zstd", "--decompress", "--rm", "--quiet");
        RunOn(folder, "*.ko.gz", "gzip", "--decompress", "--quiet");
    }

    // So few at a time that even if each of them unpacks to all that it may, the sum stays within its bound.
    private static void RunOn(string folder, string pattern, string tool, params string[] options)
    {
        var clock = Stopwatch.StartNew();
        string[] files = Directory.GetFiles(folder, pattern, SearchOption.AllDirectories);
        for (int done = 0; done < files.Length;)
        {
            long room = BytesAtMost - BytesIn(folder);
            if (room <= 0 || clock.Elapsed > LongestUnpacking) throw TooMuch();
            int count = (int)Math.Clamp(room / BytesOfModule, 1, FilesPerRun);
            string[] some = [.. files.Skip(done).Take(count)];
            Tool.RunBounded(Math.Min(room, BytesOfModule), tool, [.. options, .. some]);
            done += some.Length;
        }
    }

    private static long BytesIn(string folder)
        => Directory.EnumerateFiles(folder, "*", PlainFiles).Sum(static path => new FileInfo(path).Length);

    private static UsageException TooMuch()
        => new($"the kernel's modules are more than {FilesAtMost} files or {BytesAtMost >> 20} MiB, "
            + $"or take longer than {LongestUnpacking.TotalMinutes} minutes to unpack");
}
