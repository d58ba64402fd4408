using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Guest.Devices;

/// <summary>Devices that the guest's init needs as long as the machine lives. It holds them from before the workload on, whose /dev is the
/// same one and may lose any of its entries.</summary>
internal static class OwnDevices
{
    private static readonly SafeFileHandle KernelLog = FileDescriptor.Open("/dev/kmsg", OpenFlags.Path);

    /// <summary>/dev/null, for reading and writing.</summary>
    internal static SafeFileHandle Null { get; } = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);

    /// <summary>/dev/kmsg: whoever opens it for reading begins with the oldest record.</summary>
    internal static SafeFileHandle OpenKernelLog(OpenFlags flags) => FileDescriptor.Open(FileDescriptor.PathOf(KernelLog), flags);

    /// <summary>Adds a line to the kernel's log, which at the level "error" (3) the host sees on whatever console the kernel uses.</summary>
    internal static void WriteToKernelLog(int level, string text)
    {
        using SafeFileHandle log = OpenKernelLog(OpenFlags.WriteOnly);
        FileDescriptor.WriteAll(log, Encoding.UTF8.GetBytes($"<{level}>runcvm-init: {text.ReplaceLineEndings(" ")}\n"));
    }
}
