using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Devices;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.Guest.Modules;

/// <summary>The modules that came with the initramfs, already in load order.</summary>
internal static class BootModules
{
    public const string Folder = "/boot-modules";

    /// <summary>Whether this kernel has modules at all. One with everything built in needs nobody to load any.</summary>
    public static bool Exist => Directory.Exists(Folder);

    /// <summary>Loads them all. One that fails does not keep the others from being tried: the root may need only those.</summary>
    /// <returns>a sentence for each module that could not be loaded</returns>
    public static List<string> LoadAll(string folder = Folder)
    {
        var failures = new List<string>();
        if (!Directory.Exists(folder)) return failures;
        string[] files = Directory.GetFiles(folder, "*.ko");
        Array.Sort(files, StringComparer.Ordinal);
        foreach (string file in files)
        {
            if (!IsOfUse(Path.GetFileName(file))) continue;
            try
            {
                using SafeFileHandle module = FileDescriptor.Open(file, OpenFlags.ReadOnly);
                Machine.LoadModule(module, Path.GetFileNameWithoutExtension(file));
            }
            catch (LinuxException failure)
            {
                // A driver whose hardware this machine lacks says so; that is an answer, not a failure.
                if (failure.Errno != Errno.ENODEV) failures.Add(failure.Message);
            }
        }

        return failures;
    }

    // Loading a module that this machine has no device for is the dearest way to do nothing: tens of milliseconds each.
    private static bool IsOfUse(string file)
    {
        if (file.Contains("-virtio_pci", StringComparison.Ordinal)) return HasEntries("/sys/bus/pci/devices");
        // The stream is a console port or vsock. Buses come before both.
        if (file.Contains("vsock", StringComparison.Ordinal)) return VirtioDevices.Any(VirtioDevices.Vsock);
        if (file.Contains("virtio_console", StringComparison.Ordinal))
            return SavedPoint.IsAhead || VirtioDevices.Any(VirtioDevices.Console);
        // Emulated, the processor's instructions for ext4's checksums take longer than the kernel's own tables: files were created a third slower.
        if (file.Contains("crc32c_intel", StringComparison.Ordinal)) return !Processor.IsEmulated;
        return true;
    }

    private static bool HasEntries(string folder)
        => Directory.Exists(folder) && Directory.GetFileSystemEntries(folder).Length > 0;
}
