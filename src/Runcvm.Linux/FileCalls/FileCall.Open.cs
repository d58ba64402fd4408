using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.FileCalls;

public static unsafe partial class FileCall
{
    /// <summary>openat(2) of an entry, a link not followed.</summary>
    public static int Open(SafeFileHandle parent, EntryName name, OpenFlags flags, uint mode, out SafeFileHandle file)
    {
        fixed (byte* p = name.Terminated)
            file = Libc.openat(parent, p, OpenFlagValues.ToNative(flags | OpenFlags.NoFollow | OpenFlags.CloseOnExec), mode);
        return file.IsInvalid ? -(int)SystemCall.LastError : 0;
    }

    /// <summary>Opens again, with other flags, what <paramref name="node"/> refers to.</summary>
    /// <param name="node">any descriptor, O_PATH too; never that of a pipe or device, whose opening may block or act</param>
    /// <param name="flags">flags of open(2)</param>
    /// <param name="mode">permissions of an O_TMPFILE</param>
    /// <param name="file">the result</param>
    public static int Reopen(SafeFileHandle node, OpenFlags flags, uint mode, out SafeFileHandle file)
    {
        byte* path = stackalloc byte[ProcPathSize];
        ProcPath(node, path);
        int fd = Libc.open(path, OpenFlagValues.ToNative(flags | OpenFlags.CloseOnExec), mode);
        file = new SafeFileHandle(fd, ownsHandle: true);
        return Result(fd) < 0 ? Result(fd) : 0;
    }

    /// <summary>What close(2) of this file would report, which stays open: file systems over a network tell of lost
    /// writes there.</summary>
    public static int Flush(SafeFileHandle file)
    {
        int copy = Libc.dup(file);
        return copy < 0 ? Result(copy) : Result(Libc.close(copy));
    }
}
