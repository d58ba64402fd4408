using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>Copies a file and keeps its holes.</summary>
public static unsafe class SparseCopy
{
    /// <summary>Makes <paramref name="to"/> (open for writing, empty) a copy of <paramref name="from"/>: by sharing
    /// blocks where the file system can, else by copying what is not a hole.</summary>
    public static void Copy(SafeFileHandle from, SafeFileHandle to)
    {
        if (Libc.ioctl(to, Libc.FICLONE, from.DangerousGetHandle()) == 0) return;
        long length = RandomAccess.GetLength(from);
        FileDescriptor.SetLength(to, length);
        foreach ((long start, long end) in SparseFile.Data(from)) CopyRange(from, to, start, end);
    }

    private static void CopyRange(SafeFileHandle from, SafeFileHandle to, long start, long end)
    {
        long source = start;
        long target = start;
        while (source < end)
        {
            nint n = Libc.copy_file_range(from, &source, to, &target, (nuint)(end - source), 0);
            if (n < 0 && SystemCall.LastError is Errno.EXDEV or Errno.EINVAL or Errno.EOPNOTSUPP)
            {
                CopyByHand(from, to, source, end);
                return;
            }

            if (SystemCall.Check(n, $"copy file content") == 0) return;
        }
    }

    private static void CopyByHand(SafeFileHandle from, SafeFileHandle to, long start, long end)
    {
        byte[] buffer = new byte[128 * 1024];
        while (start < end)
        {
            int n = RandomAccess.Read(from, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - start)), start);
            if (n == 0) return;
            RandomAccess.Write(to, buffer.AsSpan(0, n), start);
            start += n;
        }
    }
}
