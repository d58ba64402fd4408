using Microsoft.Win32.SafeHandles;

namespace Runcvm.Linux.Files;

/// <summary>realpath(3) by asking the kernel where it arrived.</summary>
public static class RealPath
{
    /// <summary>The path without links, or null when nothing is there.</summary>
    public static string? Of(string path)
    {
        using SafeFileHandle? file = FileDescriptor.TryOpen(path, OpenFlags.Path);
        return file is null ? null : new FileInfo(FileDescriptor.PathOf(file)).LinkTarget;
    }
}
