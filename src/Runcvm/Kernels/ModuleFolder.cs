using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Protocol;

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

    /// <summary>Copies the folder to a place of its own, unpacks the modules, and makes the indexes anew: those that
    /// came with it name packed files, and kmod believes only the binary ones.</summary>
    public static string Prepare(SafeFileHandle modules, string release, string work)
    {
        string folder = Path.Combine(work, "lib/modules", release);
        Copy(FileDescriptor.PathOf(modules), folder);
        Unpack(folder, work);
        // Some versions of depmod look below usr/lib, others below lib.
        Directory.CreateSymbolicLink(Path.Combine(work, "usr"), ".");
        Tool.RunBounded(work, BytesAtMost, "depmod", "-b", work, release);
        KeepNodes(folder);
        return folder;
    }

    // Where systemd finds a node here it makes it root's alone, and without udev it stays so. The guest's init, which
    // reads the whole list, gives these to everybody.
    internal static void KeepNodes(string folder)
    {
        string shown = Path.Combine(folder, "modules.devname");
        if (!File.Exists(shown)) return;
        File.Move(shown, Path.Combine(folder, DeviceNodes.File));
        IEnumerable<string> others = File.ReadLines(Path.Combine(folder, DeviceNodes.File))
            .Where(static line => !line.Split(' ').Intersect(DeviceNodes.OfEverybody).Any());
        File.WriteAllLines(shown, others);
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
    /// <param name="modules">what <see cref="Prepare"/> made</param>
    /// <param name="work">the place that it was made in</param>
    /// <param name="image">to be made</param>
    public static void MakeImage(string modules, string work, string image)
    {
        string made = Path.Combine(work, Path.GetFileName(image));
        Tool.RunBounded(
            work, 2 * BytesAtMost, "mkfs.erofs", "--quiet", "--all-root", "-T0", made, modules);
        File.Move(made, image);
    }

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

    /// <summary>The kernel is asked to unpack nothing: not every kernel can, and here it is done once for all machines.</summary>
    private static void Unpack(string folder, string work)
    {
        RunOn(folder, work, "*.ko.xz", "xz", "--decompress", "--quiet");
        RunOn(folder, work, "*.ko.zst", "zstd", "--decompress", "--rm", "--quiet");
        RunOn(folder, work, "*.ko.gz", "gzip", "--decompress", "--quiet");
    }

    // So few at a time that even if each of them unpacks to all that it may, the sum stays within its bound.
    private static void RunOn(string folder, string work, string pattern, string tool, params string[] options)
    {
        var clock = Stopwatch.StartNew();
        string[] files = Directory.GetFiles(folder, pattern, SearchOption.AllDirectories);
        for (int done = 0; done < files.Length;)
        {
            long room = BytesAtMost - BytesIn(folder);
            if (room <= 0 || clock.Elapsed > LongestUnpacking) throw TooMuch();
            int count = (int)Math.Clamp(room / BytesOfModule, 1, FilesPerRun);
            string[] some = [.. files.Skip(done).Take(count)];
            Tool.RunBounded(work, Math.Min(room, BytesOfModule), tool, [.. options, .. some]);
            done += some.Length;
        }
    }

    private static long BytesIn(string folder)
        => Directory.EnumerateFiles(folder, "*", PlainFiles).Sum(static path => new FileInfo(path).Length);

    private static UsageException TooMuch()
        => new($"the kernel's modules are more than {FilesAtMost} files or {BytesAtMost >> 20} MiB, "
            + $"or take longer than {LongestUnpacking.TotalMinutes} minutes to unpack");
}
