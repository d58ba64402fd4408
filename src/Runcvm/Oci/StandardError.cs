using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Oci;

/// <summary>Standard error where an engine has one for nobody: containerd gives a pod's sandbox the null device, opened
/// for reading only, and to write there would be an error of its own.</summary>
internal static class StandardError
{
    private const int Number = 2;

    /// <summary>Makes sure that it can be written to. Before the first word.</summary>
    internal static void Ensure()
    {
        if (FileStatus.TryOf($"/proc/self/fd/{Number}", followLinks: true) is not { IsNullDevice: true }) return;
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.WriteOnly);
        FileDescriptor.PlaceAt(nothing, Number);
    }
}
