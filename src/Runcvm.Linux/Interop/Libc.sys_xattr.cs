using System.Runtime.InteropServices;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    /// <summary>listxattr(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint listxattr(byte* path, byte* list, nuint size);

    /// <summary>getxattr(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint getxattr(byte* path, byte* name, byte* value, nuint size);

    /// <summary>setxattr(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int setxattr(byte* path, byte* name, byte* value, nuint size, int flags);

    /// <summary>removexattr(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int removexattr(byte* path, byte* name);

    /// <summary>removexattr(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int removexattr(string path, string name);
}
