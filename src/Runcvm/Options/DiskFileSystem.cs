namespace Runcvm.Options;

/// <summary>What a disk in a backing file can be formatted as.</summary>
internal enum DiskFileSystem
{
    Ext4,
    Xfs,
    Btrfs,
}
