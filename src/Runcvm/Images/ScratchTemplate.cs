using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.HostFiles;
using Runcvm.Linux.Files;

namespace Runcvm.Images;

/// <summary>An empty ext4 file system of which scratch disks are copies: copying is quicker than mkfs.ext4 and starts no
/// process. One for each size that is asked for; those used last are kept.</summary>
internal static class ScratchTemplate
{
    // An image may ask for any size. Each template takes some 200 KB, and those of usual sizes are among the last used.
    private const int Kept = 16;

    private const string Start = "scratch-template-";
    private const string Unfinished = ".tmp";

    /// <summary>Its file, made if it is not there. It may lose its name at any time, when others are made.</summary>
    internal static SafeFileHandle Open(string folder, long size)
    {
        string template = Path.Combine(folder, $"{Start}{size.ToString(CultureInfo.InvariantCulture)}.ext4");
        if (TryOpen(template) is { } known) return known;
        Node.MakeDirectory(folder);
        using LockFile @lock = LockFile.Acquire(template + ".lock");
        if (TryOpen(template) is { } others) return others;
        Make(template, size);
        SafeFileHandle made = FileDescriptor.Open(template, OpenFlags.ReadOnly);
        RemoveLongUnused(folder);
        return made;
    }

    private static SafeFileHandle? TryOpen(string template)
    {
        SafeFileHandle? file = FileDescriptor.TryOpen(template, OpenFlags.ReadOnly);
        if (file != null) File.SetLastAccessTimeUtc(file, DateTime.UtcNow);
        return file;
    }

    private static void RemoveLongUnused(string folder)
    {
        IEnumerable<FileInfo> lastUsedFirst = new DirectoryInfo(folder).EnumerateFiles(Start + "*.ext4")
            .OrderByDescending(static file => file.LastAccessTimeUtc);
        foreach (FileInfo template in lastUsedFirst.Skip(Kept)) template.Delete();
        foreach (string unfinished in Directory.EnumerateFiles(folder, Start + "*" + Unfinished))
        {
            // Its maker was killed: the lock is free.
            using LockFile? maker = LockFile.TryAcquire(unfinished[..^Unfinished.Length] + ".lock");
            if (maker != null) File.Delete(unfinished);
        }
    }

    private static void Make(string template, long size)
    {
        string unfinished = template + Unfinished;
        try
        {
            File.Delete(unfinished);
            string mkfs = Tool.Find("mkfs.ext4", "e2fsprogs");
            if (Tool.Run(mkfs, Arguments(unfinished, size)) is { } failure)
                throw Tool.Failure($"the template of scratch disks {template}", Path.GetDirectoryName(template)!, failure);
            FileDescriptor.SyncAt(unfinished);
            File.Move(unfinished, template, overwrite: true);
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    // Every block written here is copied for every container, so nothing is written that the guest can do without:
    // inode tables and journal stay holes (they are zeros already), all metadata is in one place, and room for the group
    // descriptors of a grown disk is kept up to 16 times the size (48 KB; mkfs.ext4 would keep 4 MB). The journal stays:
    // it is what keeps files over a crash. 32 MiB of it are enough for a root file system and quick to replay.
    private static string[] Arguments(string file, long size) =>
    [
        "mkfs.ext4", "-q", "-F", "-L", "runcvm-scratch", "-m", "0", "-b", "4096", "-J", $"size={JournalMebibytes(size).ToString(CultureInfo.InvariantCulture)}",
        "-E", $"packed_meta_blocks=1,lazy_itable_init=1,lazy_journal_init=1,nodiscard{RoomToGrow(size)}",
        file, $"{(size / 1024).ToString(CultureInfo.InvariantCulture)}k",
    ];

    // mkfs.ext4 refuses a journal of more than half the disk; this one leaves a small disk seven eighths of its room.
    private static long JournalMebibytes(long size) => Math.Clamp(size / (8 * 1024 * 1024), 4, 32);

    // The resize inode cannot go beyond 32-bit block numbers.
    private static string RoomToGrow(long size)
    {
        long blocks = size / 4096 * 16;
        return blocks < uint.MaxValue ? $",resize={blocks.ToString(CultureInfo.InvariantCulture)}" : "";
    }
}
