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

    // Those of this host's kernel alone. NFS and SMB refuse leases for reasons of their servers' (EAGAIN), and FUSE
    // has none.
    private static readonly long[] LocalKinds =
    [
        0xef53, // ext2, ext3, ext4
        0x58465342, // XFS
        0x9123683e, // btrfs
        0x1021994, // tmpfs
        0x794c7630, // overlayfs
        0xf2f52010, // F2FS
        0x2fc12fc1, // ZFS
        0xca451a4e, // bcachefs
    ];

    /// <summary>f_type</summary>
    public long Kind { get; init; }

    /// <summary>Whether its files may have contents though their size is 0: they are made when they are read.</summary>
    public bool MakesContentsOnReading => Array.IndexOf(MadeOnReadingKinds, Kind) >= 0;

    /// <summary>Whether a lease that is refused means that a program of this host has the file open.</summary>
    public bool TellsByLeases => Array.IndexOf(LocalKinds, Kind) >= 0;
}
