using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.FileCalls;

public static unsafe partial class FileCall
{
    /// <summary>getxattr(2); an empty buffer asks for the size.</summary>
    /// <param name="node">any descriptor</param>
    /// <param name="name">with its final zero</param>
    /// <param name="value">receives it</param>
    public static long GetAttribute(SafeFileHandle node, ReadOnlySpan<byte> name, Span<byte> value)
    {
        byte* path = stackalloc byte[ProcPathSize];
        ProcPath(node, path);
        if (!IsTerminated(name)) return -(int)Errno.EINVAL;
        fixed (byte* n = name)
        fixed (byte* v = value) return Result(Libc.getxattr(path, n, v, (nuint)value.Length));
    }

    /// <summary>setxattr(2)</summary>
    /// <param name="node">any descriptor</param>
    /// <param name="name">with its final zero</param>
    /// <param name="value">the value</param>
    /// <param name="flags">XATTR_CREATE, XATTR_REPLACE</param>
    public static int SetAttribute(SafeFileHandle node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, uint flags)
    {
        byte* path = stackalloc byte[ProcPathSize];
        ProcPath(node, path);
        if (!IsTerminated(name)) return -(int)Errno.EINVAL;
        fixed (byte* n = name)
        fixed (byte* v = value) return Result(Libc.setxattr(path, n, v, (nuint)value.Length, (int)flags));
    }

    /// <summary>removexattr(2)</summary>
    /// <param name="node">any descriptor</param>
    /// <param name="name">with its final zero</param>
    public static int RemoveAttribute(SafeFileHandle node, ReadOnlySpan<byte> name)
    {
        byte* path = stackalloc byte[ProcPathSize];
        ProcPath(node, path);
        if (!IsTerminated(name)) return -(int)Errno.EINVAL;
        fixed (byte* n = name) return Result(Libc.removexattr(path, n));
    }

    /// <summary>listxattr(2); an empty buffer asks for the size.</summary>
    public static long ListAttributes(SafeFileHandle node, Span<byte> list)
    {
        byte* path = stackalloc byte[ProcPathSize];
        ProcPath(node, path);
        fixed (byte* l = list) return Result(Libc.listxattr(path, l, (nuint)list.Length));
    }

    private static bool IsTerminated(ReadOnlySpan<byte> name) => !name.IsEmpty && name[^1] == 0;
}
