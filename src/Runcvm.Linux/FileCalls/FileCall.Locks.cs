using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.FileCalls;

/// <summary>struct flock: a lock on a part of a file.</summary>
/// <param name="Kind">F_RDLCK 0, F_WRLCK 1, F_UNLCK 2: asm-generic/fcntl.h</param>
/// <param name="Start">first byte</param>
/// <param name="Length">bytes; 0: to the end, however far that moves</param>
public readonly record struct RangeLock(short Kind, long Start, long Length)
{
    /// <summary>F_WRLCK</summary>
    public const short Write = 1;

    /// <summary>F_UNLCK</summary>
    public const short None = 2;
}

public static unsafe partial class FileCall
{
    /// <summary>fcntl(F_OFD_SETLK): the lock belongs to the open file description, so that each owner needs one.
    /// EAGAIN while another holds a part of it.</summary>
    public static int SetLock(SafeFileHandle file, RangeLock range)
    {
        Libc.flock_t native = Native(range);
        return Result(Libc.fcntl(file, Libc.F_OFD_SETLK, &native));
    }

    /// <summary>fcntl(F_OFD_GETLK): the lock that is in the way, or <see cref="RangeLock.None"/>.</summary>
    public static int GetLock(SafeFileHandle file, ref RangeLock range)
    {
        Libc.flock_t native = Native(range);
        int result = Result(Libc.fcntl(file, Libc.F_OFD_GETLK, &native));
        if (result == 0) range = new RangeLock(native.l_type, native.l_start, native.l_len);
        return result;
    }

    /// <summary>flock(2), not waiting.</summary>
    public static int LockWhole(SafeFileHandle file, short kind)
        => Result(Libc.flock(file, Libc.LOCK_NB | (kind switch { 0 => Libc.LOCK_SH, 1 => Libc.LOCK_EX, _ => Libc.LOCK_UN })));

    /// <summary>Whether some file description of the host may write the file: fcntl(2) gives no read lease then. It is
    /// given back at once. Takes the file's owner or CAP_LEASE. The kernel sends SIGIO if somebody comes in
    /// between.</summary>
    /// <param name="file">open for reading alone, or the answer would be about itself</param>
    /// <param name="isOpen">the answer</param>
    /// <returns>an error where the file system knows no leases (EINVAL), or the caller may have none (EACCES)</returns>
    public static int IsOpenForWriting(SafeFileHandle file, out bool isOpen)
    {
        const nint ReadLease = 0, NoLease = 2;
        int error = Result(Libc.fcntl(file, Libc.F_SETLEASE, ReadLease));
        isOpen = error == -(int)Errno.EAGAIN;
        if (isOpen) return 0;
        return error < 0 ? error : Result(Libc.fcntl(file, Libc.F_SETLEASE, NoLease));
    }

    private static Libc.flock_t Native(RangeLock range)
        => new() { l_type = range.Kind, l_whence = Libc.SEEK_SET, l_start = range.Start, l_len = range.Length };
}
