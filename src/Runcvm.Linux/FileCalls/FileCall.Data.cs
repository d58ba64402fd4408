using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.FileCalls;

public static unsafe partial class FileCall
{
    /// <summary>pread(2) until the buffer is full or the file ends.</summary>
    public static long Read(SafeFileHandle file, Span<byte> buffer, long offset)
    {
        int done = 0;
        fixed (byte* p = buffer)
        {
            while (done < buffer.Length)
            {
                long n = Result(Libc.pread(file, p + done, (nuint)(buffer.Length - done), offset + done));
                if (n < 0) return done > 0 ? done : n;
                if (n == 0) break;
                done += (int)n;
            }
        }

        return done;
    }

    /// <summary>pwrite(2)</summary>
    public static long Write(SafeFileHandle file, ReadOnlySpan<byte> data, long offset)
    {
        fixed (byte* p = data) return Result(Libc.pwrite(file, p, (nuint)data.Length, offset));
    }

    /// <summary>pwritev2(2) with RWF_APPEND: at the end of the file, wherever others have moved it meanwhile.</summary>
    public static long Append(SafeFileHandle file, ReadOnlySpan<byte> data)
    {
        fixed (byte* p = data)
        {
            var part = new Libc.iovec { iov_base = p, iov_len = (nuint)data.Length };
            return Result(Libc.pwritev2(file, &part, 1, 0, Libc.RWF_APPEND));
        }
    }

    /// <summary>fsync(2), or fdatasync(2)</summary>
    public static int Sync(SafeFileHandle file, bool dataOnly)
        => Result(dataOnly ? Libc.fdatasync(file) : Libc.fsync(file));

    /// <summary>syncfs(2)</summary>
    public static int SyncFileSystem(SafeFileHandle file) => Result(Libc.syncfs(file));

    /// <summary>fallocate(2)</summary>
    public static int Allocate(SafeFileHandle file, int mode, long offset, long length)
        => Result(Libc.fallocate(file, mode, offset, length));

    /// <summary>lseek(2) with SEEK_DATA or SEEK_HOLE.</summary>
    public static long SeekData(SafeFileHandle file, long offset, bool hole)
        => Result((nint)Libc.lseek(file, offset, hole ? Libc.SEEK_HOLE : Libc.SEEK_DATA));

    /// <summary>copy_file_range(2)</summary>
    public static long Copy(SafeFileHandle from, long fromOffset, SafeFileHandle to, long toOffset, long length)
        => Result(Libc.copy_file_range(from, &fromOffset, to, &toOffset, (nuint)length, 0));
}
