using System.Globalization;
using Runcvm.Guest.Devices;
using Runcvm.Guest.Host;
using Runcvm.Guest.Modules;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;

namespace Runcvm.Guest.Shares;

/// <summary>All shares as one file system of a virtio-fs device, where the hypervisor has one and the kernel a driver for it.
/// The kernel talks with the host itself then, and no byte goes through this program.</summary>
internal sealed class SharedFolder
{
    private const string Place = "/shares";
    private const string Tag = "org.runcvm.shares";
    private const string FileSystem = "virtiofs";

    private SharedFolder()
    {
    }

    /// <summary>Where the share with this number, from 1 on, is found.</summary>
    internal static string PathOf(uint share) => string.Create(CultureInfo.InvariantCulture, $"{Place}/{share - 1}");

    /// <summary>Mounts it, out of the workload's sight; null where that cannot be.</summary>
    internal static SharedFolder? TryMount()
    {
        if (!VirtioDevices.Any(VirtioDevices.FileSystem) || !HasDriver()) return null;
        Node.MakeDirectory(Place);
        MountPoint.Add(Tag, Place, FileSystem);
        if (FileStatus.TryOf(Place) is { } status) ReadAhead.Raise(status);
        GuestShares.ShowConnections();
        LockWatch.Start(HostStream.OpenShares());
        return new SharedFolder();
    }

    /// <summary>At the end of the machine; it need not be there.</summary>
    internal static void Unmount()
    {
        if (FileStatus.TryOf(Place) == null) return;
        try
        {
            MountPoint.Remove(Place, detach: true);
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            // Not mounted: the machine failed before.
        }
    }

    private static bool HasDriver()
    {
        if (IsKnown()) return true;
        string modules = "/lib/modules/" + File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        return Directory.Exists(modules) && Modprobe.Run(["-q", FileSystem]) == 0 && IsKnown();
    }

    private static bool IsKnown()
        => File.ReadLines("/proc/filesystems").Any(static line => line.EndsWith(FileSystem, StringComparison.Ordinal));
}
