using System.Globalization;
using System.Text;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>The archive with which a machine starts: the guest program and the modules that boot needs.</summary>
internal static class Initramfs
{
    // A new layout of the archive must not find those of the old one.
    private const string Layout = "3";

    private static readonly TimeSpan AbandonedAfter = TimeSpan.FromHours(1);

    private static readonly string[] Folders =
    [
        "dev", "proc", "sys", "run", "newroot", "lower", "scratch", "layer", "modules", "tmp", "lib", "lib/modules",
        "sbin",
    ];

    /// <summary>The path of an archive for this kernel and guest program, made now if there is none.</summary>
    public static string EnsureFor(Kernel kernel, string guestInitPath, string cacheFolder)
    {
        string folder = Path.Combine(cacheFolder, kernel.Name);
        string path = Path.Combine(folder, Key(kernel.VmlinuxPath, guestInitPath) + ".cpio");
        if (FileStatus.TryOf(path) is { Kind: FileKind.Regular }) return path;
        Node.MakeDirectory(folder);
        string temporary = $"{path}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}.tmp";
        using (FileStream file = File.Create(temporary))
        {
            Write(kernel, guestInitPath, file);
            file.Flush(flushToDisk: true);
        }

        // Two processes may do the same at once: both files are equal, and the later name wins.
        File.Move(temporary, path, overwrite: true);
        RemoveOthers(folder, path);
        return path;
    }

    internal static void Write(Kernel kernel, string guestInitPath, Stream output)
    {
        var cpio = new CpioWriter(output);
        foreach (string folder in Folders) cpio.Directory(folder);
        // The guest mounts the modules image here, where modprobe looks for them.
        cpio.Directory($"lib/modules/{kernel.Release}");
        foreach (string index in FilesIn(kernel.ModuleIndexFolder, "*"))
            cpio.File($"lib/modules/{kernel.Release}/{Path.GetFileName(index)}", Permission.PlainFile, File.ReadAllBytes(index));
        // Without it the kernel starts the first process with no standard streams.
        cpio.CharacterDevice("dev/console", Permission.OwnersFile, 5, 1);
        // Where images have theirs: programs of theirs execute the path that the kernel names.
        cpio.File(["sbin/modprobe", "init"], Permission.Program, File.ReadAllBytes(guestInitPath));
        // The guest takes its being there for "this kernel has modules".
        if (kernel.ModulesImagePath is not null) cpio.Directory("boot-modules");
        foreach (string module in FilesIn(kernel.BootModulesFolder, "*.ko"))
            cpio.File("boot-modules/" + Path.GetFileName(module), Permission.PlainFile, File.ReadAllBytes(module));
        cpio.End();
    }

    private static string[] FilesIn(string folder, string pattern)
    {
        if (!Directory.Exists(folder)) return [];
        string[] files = Directory.GetFiles(folder, pattern);
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }

    /// <summary>Size and time stand for the content, which is too much to read at every start.</summary>
    private static string Key(string vmlinux, string guestInit)
    {
        var text = new StringBuilder(Layout);
        foreach (string path in (ReadOnlySpan<string>)[vmlinux, guestInit])
        {
            FileStatus status = FileStatus.TryOf(path, followLinks: true) ?? throw new LinuxException(Errno.ENOENT, $"look at {path}");
            text.Append(CultureInfo.InvariantCulture, $"\n{path}\n{status.Size}\n{status.ModifiedNanoseconds}");
        }

        // FNV-1a: nobody is kept out by this hash, it only names a file.
        ulong hash = 14695981039346656037;
        foreach (char c in text.ToString()) hash = (hash ^ c) * 1099511628211;
        return hash.ToString("x16", CultureInfo.InvariantCulture);
    }

    private static void RemoveOthers(string folder, string path)
    {
        string[] others = [.. Directory.GetFiles(folder).Where(other => other != path)];
        string[] archives = [.. others.Where(static other => other.EndsWith(".cpio", StringComparison.Ordinal)).OrderBy(File.GetLastWriteTimeUtc)];
        // The youngest stays: a start with the program that was there before may be on its way to it.
        foreach (string archive in archives.SkipLast(1)) File.Delete(archive);
        foreach (string other in others.Except(archives))
        {
            // A young temporary file is somebody's who is writing it right now.
            if (File.GetLastWriteTimeUtc(other) + AbandonedAfter < DateTime.UtcNow) File.Delete(other);
        }
    }
}
