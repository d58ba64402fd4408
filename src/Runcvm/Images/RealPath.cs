using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Images;

/// <summary>realpath(3) by asking the kernel where it arrived.</summary>
internal static class RealPath
{
    /// <summary>The path without links, or null when nothing is there.</summary>
    internal static string? Of(string path)
    {
        using SafeFileHandle? file = FileDescriptor.TryOpen(path, OpenFlags.Path);
        return file is null ? null : new FileInfo(FileDescriptor.PathOf(file)).LinkTarget;
    }
}
