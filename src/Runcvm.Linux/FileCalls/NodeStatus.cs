using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.FileCalls;

/// <summary>A point in time as statx(2) gives it.</summary>
public readonly record struct NodeTime(long Seconds, uint Nanoseconds);

/// <summary>All that statx(2) says of a node, in the kernel's own terms.</summary>
public readonly record struct NodeStatus
{
    internal NodeStatus(in Libc.statx_t s)
    {
        Mode = s.stx_mode;
        Links = s.stx_nlink;
        Owner = s.stx_uid;
        Group = s.stx_gid;
        Size = s.stx_size;
        Blocks = s.stx_blocks;
        BlockSize = s.stx_blksize;
        Inode = s.stx_ino;
        Device = FileStatus.Device(s.stx_dev_major, s.stx_dev_minor);
        SpecialDevice = (uint)FileStatus.Device(s.stx_rdev_major, s.stx_rdev_minor);
        Mount = (s.stx_mask & Libc.STATX_MNT_ID) != 0 ? s.stx_mnt_id : 0;
        Born = (s.stx_mask & Libc.STATX_BTIME) != 0 ? new NodeTime(s.stx_btime.tv_sec, s.stx_btime.tv_nsec) : null;
        Accessed = new NodeTime(s.stx_atime.tv_sec, s.stx_atime.tv_nsec);
        Modified = new NodeTime(s.stx_mtime.tv_sec, s.stx_mtime.tv_nsec);
        Changed = new NodeTime(s.stx_ctime.tv_sec, s.stx_ctime.tv_nsec);
    }

    /// <summary>stx_mode: kind and permissions</summary>
    public uint Mode { get; init; }

    /// <summary>The kind in the mode.</summary>
    public FileKind Kind => (FileKind)(Mode & 0xF000);

    /// <summary>stx_nlink</summary>
    public uint Links { get; init; }

    /// <summary>stx_uid</summary>
    public uint Owner { get; init; }

    /// <summary>stx_gid</summary>
    public uint Group { get; init; }

    /// <summary>stx_size</summary>
    public ulong Size { get; init; }

    /// <summary>stx_blocks: in 512 bytes</summary>
    public ulong Blocks { get; init; }

    /// <summary>stx_blksize</summary>
    public uint BlockSize { get; init; }

    /// <summary>stx_ino</summary>
    public ulong Inode { get; init; }

    /// <summary>the file system's device number</summary>
    public ulong Device { get; init; }

    /// <summary>the number of the device that this node stands for, as the kernel's new_encode_dev()</summary>
    public uint SpecialDevice { get; init; }

    /// <summary>stx_mnt_id; 0 where the kernel does not tell (before Linux 5.8)</summary>
    public ulong Mount { get; init; }

    /// <summary>stx_btime: when it was made; null where the file system does not tell</summary>
    public NodeTime? Born { get; init; }

    /// <summary>stx_atime</summary>
    public NodeTime Accessed { get; init; }

    /// <summary>stx_mtime</summary>
    public NodeTime Modified { get; init; }

    /// <summary>stx_ctime</summary>
    public NodeTime Changed { get; init; }
}
