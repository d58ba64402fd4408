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
    uint FragmentSize);
