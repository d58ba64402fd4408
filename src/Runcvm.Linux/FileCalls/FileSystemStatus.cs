namespace Runcvm.Linux.FileCalls;

/// <summary>What statfs(2) says of a file system.</summary>
/// <param name="Blocks">f_blocks, in fragments</param>
/// <param name="FreeBlocks">f_bfree</param>
/// <param name="AvailableBlocks">f_bavail: free for all users</param>
/// <param name="Inodes">f_files</param>
/// <param name="FreeInodes">f_ffree</param>
/// <param name="BlockSize">f_bsize</param>
/// <param name="LongestName">f_namelen</param>
/// <param name="FragmentSize">f_frsize</param>
public readonly record struct FileSystemStatus(
    ulong Blocks, ulong FreeBlocks, ulong AvailableBlocks, ulong Inodes, ulong FreeInodes, uint BlockSize, uint LongestName,
    uint FragmentSize)
{
    // linux/magic.h; of resctrl, the kernel's include/uapi/linux/magic.h as RDTGROUP_SUPER_MAGIC.
    private static readonly long[] MadeOnReadingKinds =
    [
        0x9fa0, // proc
        0x62656572, // sysfs
        0x27e0eb, // cgroup
        0x63677270, // cgroup2
        0x64626720, // debugfs
        0x74726163, // tracefs
        0x73636673, // securityfs
        0x62656570, // configfs
        0x42494e4d, // binfmt_misc
        0x7655821, // resctrl
        0x65735546, // FUSE: lxcfs, which shows some files of proc
    ];

    /// <summary>f_type</summary>
    public long Kind { get; init; }

    /// <summary>Whether its files may have contents though their size is 0: they are made when they are read.</summary>
    public bool MakesContentsOnReading => Array.IndexOf(MadeOnReadingKinds, Kind) >= 0;
}
