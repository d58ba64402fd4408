using Microsoft.Win32.SafeHandles;

namespace Runcvm.Fuse;

/// <summary>How many files the process may have open on behalf of a guest.</summary>
internal static class DescriptorLimit
{
    /// <summary>Whether a file that was just opened is one too many. The kernel gives the lowest free number: that of a new descriptor tells how many there are.</summary>
    /// <param name="file">just opened</param>
    /// <param name="limit">number that no descriptor may have</param>
    internal static bool IsReachedBy(SafeFileHandle file, nint limit) => file.DangerousGetHandle() >= limit;
}
