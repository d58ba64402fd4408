using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>The kind of a file, as in the high bits of st_mode.</summary>
public enum FileKind
{
    /// <summary>named pipe</summary>
    Fifo = 0x1000,
    /// <summary>character device</summary>
    CharacterDevice = 0x2000,
    /// <summary>directory</summary>
    Directory = 0x4000,
    /// <summary>block device</summary>
    BlockDevice = 0x6000,
    /// <summary>regular file</summary>
    Regular = 0x8000,
    /// <summary>symbolic link</summary>
    Link = 0xA000,
    /// <summary>Unix socket</summary>
    Socket = 0xC000,
}

/// <summary>What statx(2) says of a file; links are not followed.</summary>
public readonly record struct FileStatus(
    FileKind Kind, uint Permissions, uint Owner, uint Group, ulong Size, ulong Inode, ulong FileSystem, ulong SpecialDevice,
    uint Links, long ChangedNanoseconds, long ModifiedNanoseconds)
{
    internal const uint BasicStats = 0x7ff;

    /// <summary>What it takes on the disk: holes take nothing.</summary>
    public ulong AllocatedBytes { get; init; }

    /// <summary>Whether it is /dev/null, by whatever name.</summary>
    public bool IsNullDevice => Kind == FileKind.CharacterDevice && SpecialDevice == Device(1, 3);

    /// <summary>The file's status, or null where there is none.</summary>
    public static FileStatus? TryOf(string path, bool followLinks = false)
    {
        int result = Libc.statx(Libc.AT_FDCWD, path, followLinks ? 0 : Libc.AT_SYMLINK_NOFOLLOW, BasicStats, out Libc.statx_t s);
        if (result < 0 && SystemCall.LastError is Errno.ENOENT or Errno.ENOTDIR) return null;
        SystemCall.Check(result, $"look at {path}");
        return From(s);
    }

    /// <summary>The status of an open file.</summary>
    public static unsafe FileStatus Of(SafeFileHandle file)
    {
        byte empty = 0;
        SystemCall.Check(Libc.statx(file, &empty, Libc.AT_EMPTY_PATH, BasicStats, out Libc.statx_t s), $"look at an open file");
        return From(s);
    }

    internal static FileStatus From(in Libc.statx_t s) => new(
        (FileKind)(s.stx_mode & 0xF000), s.stx_mode & 0xFFFu, s.stx_uid, s.stx_gid, s.stx_size, s.stx_ino,
        Device(s.stx_dev_major, s.stx_dev_minor), Device(s.stx_rdev_major, s.stx_rdev_minor), s.stx_nlink,
        Nanoseconds(s.stx_ctime), Nanoseconds(s.stx_mtime))
    {
        // In the kernel's unit, whatever the file system's blocks are.
        AllocatedBytes = s.stx_blocks * 512,
    };

    /// <summary>makedev(3): the number the kernel uses for a device.</summary>
    public static ulong Device(uint major, uint minor)
        => (minor & 0xffUL) | ((major & 0xfffUL) << 8) | ((minor & ~0xffUL) << 12) | ((major & ~0xfffUL) << 32);

    private static long Nanoseconds(Libc.statx_timestamp t) => (t.tv_sec * 1_000_000_000) + t.tv_nsec;
}
