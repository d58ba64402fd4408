using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>Where a file has data, and where it has holes.</summary>
public static class SparseFile
{
    /// <summary>The ranges that are no holes, in their order: from a byte on, and up to one that is not in
    /// it.</summary>
    public static IEnumerable<(long Start, long End)> Data(SafeFileHandle file)
    {
        long length = RandomAccess.GetLength(file);
        for (long at = 0; at < length;)
        {
            long start = Libc.lseek(file, at, Libc.SEEK_DATA);
            if (start < 0 && SystemCall.LastError == (Errno)6) yield break; // ENXIO: only a hole is left
            SystemCall.Check((nint)start, $"find data in a file");
            long end = Libc.lseek(file, start, Libc.SEEK_HOLE);
            SystemCall.Check((nint)end, $"find a hole in a file");
            yield return (start, end);
            at = end;
        }
    }
}
