using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.FileCalls;

public static unsafe partial class FileCall
{
    /// <summary>getdents64(2): records of struct linux_dirent64, see <see cref="FolderRecord"/>.</summary>
    public static long ReadFolder(SafeFileHandle folder, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
            return Result(Libc.syscall(SystemCallNumber.Here.getdents64, folder.DangerousGetHandle(), (nint)p, buffer.Length));
    }

    /// <summary>lseek(2) to a place that a record named, or 0.</summary>
    public static long SeekFolder(SafeFileHandle folder, long offset)
        => Result((nint)Libc.lseek(folder, offset, Libc.SEEK_SET));
}
