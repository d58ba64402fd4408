using System.Text;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>xattr(7), links not followed.</summary>
public static unsafe class ExtendedAttributes
{
    // The kernel's own limits: XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h.
    private const int ListMax = 65536;
    private const int ValueMax = 65536;

    /// <summary>Copies every attribute of one file to another.</summary>
    /// <returns>how many were copied</returns>
    public static int CopyAll(string from, string to)
    {
        byte[] list = new byte[ListMax];
        int count = 0;
        foreach (string name in Names(from, list))
        {
            byte[] value = new byte[ValueMax];
            fixed (byte* p = value)
            {
                nint size = SystemCall.Check(Libc.lgetxattr(from, name, p, ValueMax), $"read attribute {name} of {from}");
                SystemCall.Check(Libc.lsetxattr(to, name, p, (nuint)size, 0), $"set attribute {name} of {to}");
            }

            count++;
        }

        return count;
    }

    /// <summary>lsetxattr(2)</summary>
    public static void Set(string path, string name, ReadOnlySpan<byte> value)
    {
        fixed (byte* p = value)
            SystemCall.Check(Libc.lsetxattr(path, name, p, (nuint)value.Length, 0), $"set attribute {name} of {path}");
    }

    /// <summary>The value of an attribute, or null where the file has none of that name.</summary>
    public static byte[]? TryGet(string path, string name)
    {
        byte[] value = new byte[ValueMax];
        fixed (byte* p = value)
        {
            nint size = Libc.lgetxattr(path, name, p, ValueMax);
            if (size < 0 && SystemCall.LastError is Errno.ENODATA or Errno.EOPNOTSUPP) return null;
            SystemCall.Check(size, $"read attribute {name} of {path}");
            return value[..(int)size];
        }
    }

    private static string[] Names(string path, byte[] list)
    {
        fixed (byte* p = list)
        {
            nint size = Libc.llistxattr(path, p, ListMax);
            if (size < 0 && SystemCall.LastError == Errno.EOPNOTSUPP) return [];
            SystemCall.Check(size, $"list the attributes of {path}");
            return Encoding.UTF8.GetString(list, 0, (int)size).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        }
    }
}
