using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.FileCalls;

/// <summary>What utimensat(2) does with a time.</summary>
public enum TimeChange
{
    /// <summary>UTIME_OMIT</summary>
    Keep,
    /// <summary>UTIME_NOW</summary>
    Now,
    /// <summary>set to the value given</summary>
    Set,
}

public static unsafe partial class FileCall
{
    /// <summary>statx(2) of what the descriptor refers to.</summary>
    public static int Status(SafeFileHandle node, out NodeStatus status)
    {
        byte empty = 0;
        return Status(node, &empty, Libc.AT_EMPTY_PATH, out status);
    }

    /// <summary>statx(2) of an entry, a link not followed.</summary>
    public static int Status(SafeFileHandle folder, EntryName name, out NodeStatus status)
    {
        // As with O_PATH, nothing is mounted by looking at it.
        const int NoAutomount = 0x800;
        fixed (byte* p = name.Terminated) return Status(folder, p, NoAutomount, out status);
    }

    private static int Status(SafeFileHandle folder, byte* name, int flags, out NodeStatus status)
    {
        const uint Wanted = Libc.STATX_BASIC_STATS | Libc.STATX_BTIME | Libc.STATX_MNT_ID;
        int result = Libc.statx(folder, name, flags | Libc.AT_SYMLINK_NOFOLLOW, Wanted, out Libc.statx_t s);
        status = new NodeStatus(s);
        return Result(result);
    }

    /// <summary>chmod(2); of a link EOPNOTSUPP, as the kernel has it.</summary>
    public static int SetMode(SafeFileHandle node, uint mode)
    {
        byte* path = stackalloc byte[ProcPathSize];
        ProcPath(node, path);
        return Result(Libc.chmod(path, mode));
    }

    /// <summary>fchownat(2); <see cref="uint.MaxValue"/> leaves an id as it is.</summary>
    public static int SetOwner(SafeFileHandle node, uint owner, uint group)
    {
        byte empty = 0;
        return Result(Libc.fchownat(node, &empty, owner, group, Libc.AT_EMPTY_PATH));
    }

    /// <summary>ftruncate(2) of a file open for writing.</summary>
    public static int SetLength(SafeFileHandle file, long length) => Result(Libc.ftruncate(file, length));

    /// <summary>truncate(2) of any descriptor's file.</summary>
    public static int Truncate(SafeFileHandle node, long length)
    {
        byte* path = stackalloc byte[ProcPathSize];
        ProcPath(node, path);
        return Result(Libc.truncate(path, length));
    }

    /// <summary>utimensat(2)</summary>
    public static int SetTimes(SafeFileHandle node, TimeChange access, NodeTime accessed, TimeChange modification, NodeTime modified)
    {
        Libc.timespec* times = stackalloc Libc.timespec[2];
        times[0] = Time(access, accessed);
        times[1] = Time(modification, modified);
        byte empty = 0;
        return Result(Libc.utimensat(node, &empty, times, Libc.AT_EMPTY_PATH));
    }

    /// <summary>utimensat(2) of the time of the last change alone, by a path: kernels before 5.8 take no empty one.</summary>
    public static int SetModified(SafeFileHandle node, NodeTime modified)
    {
        byte* path = stackalloc byte[ProcPathSize];
        ProcPath(node, path);
        Libc.timespec* times = stackalloc Libc.timespec[2];
        times[0] = Time(TimeChange.Keep, default);
        times[1] = Time(TimeChange.Set, modified);
        // The path is absolute, so the descriptor beside it counts for nothing.
        return Result(Libc.utimensat(node, path, times, 0));
    }

    /// <summary>fstatfs(2)</summary>
    public static int FileSystemStatus(SafeFileHandle node, out FileSystemStatus status)
    {
        Libc.statfs_t s;
        int result = Libc.fstatfs(node, &s);
        status = result < 0 ? default : new FileSystemStatus(
            s.f_blocks, s.f_bfree, s.f_bavail, s.f_files, s.f_ffree,
            (uint)s.f_bsize, (uint)s.f_namelen, (uint)s.f_frsize)
        {
            Kind = s.f_type,
        };
        return Result(result);
    }

    private static Libc.timespec Time(TimeChange change, NodeTime time) => change switch
    {
        TimeChange.Keep => new Libc.timespec { tv_nsec = Libc.UTIME_OMIT },
        TimeChange.Now => new Libc.timespec { tv_nsec = Libc.UTIME_NOW },
        _ => new Libc.timespec { tv_sec = time.Seconds, tv_nsec = time.Nanoseconds },
    };
}
