using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.FileCalls;

public static unsafe partial class FileCall
{
    /// <summary>mkdirat(2)</summary>
    public static int MakeDirectory(SafeFileHandle parent, EntryName name, uint mode)
    {
        fixed (byte* p = name.Terminated) return Result(Libc.mkdirat(parent, p, mode));
    }

    /// <summary>mknodat(2)</summary>
    public static int MakeNode(SafeFileHandle parent, EntryName name, uint mode, ulong device)
    {
        fixed (byte* p = name.Terminated) return Result(Libc.mknodat(parent, p, mode, device));
    }

    /// <summary>symlinkat(2)</summary>
    /// <param name="target">what the link says, with its final zero</param>
    /// <param name="parent">where</param>
    /// <param name="name">how it is called</param>
    public static int MakeSymbolicLink(ReadOnlySpan<byte> target, SafeFileHandle parent, EntryName name)
    {
        if (target.IsEmpty || target[^1] != 0) return -(int)Errno.EINVAL;
        fixed (byte* t = target)
        fixed (byte* p = name.Terminated) return Result(Libc.symlinkat(t, parent, p));
    }

    /// <summary>linkat(2): another name for <paramref name="node"/></summary>
    public static int MakeLink(SafeFileHandle node, SafeFileHandle parent, EntryName name)
    {
        // AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH; the magic link does not.
        byte* path = stackalloc byte[ProcPathSize];
        ProcPath(node, path);
        fixed (byte* p = name.Terminated) return Result(Libc.linkat(Libc.AT_FDCWD, path, parent, p, Libc.AT_SYMLINK_FOLLOW));
    }

    /// <summary>readlinkat(2) of a link's own O_PATH descriptor.</summary>
    /// <returns>length of the text, cut at the end of <paramref name="buffer"/></returns>
    public static long ReadLink(SafeFileHandle link, Span<byte> buffer)
    {
        byte empty = 0;
        fixed (byte* p = buffer) return Result(Libc.readlinkat(link, &empty, p, (nuint)buffer.Length));
    }

    /// <summary>unlinkat(2)</summary>
    public static int Unlink(SafeFileHandle parent, EntryName name)
    {
        fixed (byte* p = name.Terminated) return Result(Libc.unlinkat(parent, p, 0));
    }

    /// <summary>unlinkat(2) with AT_REMOVEDIR</summary>
    public static int RemoveDirectory(SafeFileHandle parent, EntryName name)
    {
        fixed (byte* p = name.Terminated) return Result(Libc.unlinkat(parent, p, Libc.AT_REMOVEDIR));
    }

    /// <summary>renameat2(2)</summary>
    public static int Rename(SafeFileHandle from, EntryName name, SafeFileHandle to, EntryName newName, uint flags)
    {
        fixed (byte* a = name.Terminated)
        fixed (byte* b = newName.Terminated)
        {
            return (int)Result(Libc.syscall(
                SystemCallNumber.Here.renameat2, from.DangerousGetHandle(), (nint)a, to.DangerousGetHandle(), (nint)b, (nint)flags));
        }
    }
}
