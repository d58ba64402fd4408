using Runcvm.Linux.Files;

namespace Runcvm.Sandbox;

/// <summary>Bind mounts of things that belong to a kernel, not to a file system. The guest has a kernel of its own, and what
/// the user means is there already.</summary>
internal static class OwnOfTheGuest
{
    // What containers that run a system or an engine are usually given of the host's kernel.
    private static readonly string[] Places = ["/dev", "/dev/pts", "/dev/mqueue", "/lib/modules", "/usr/lib/modules", "/proc", "/sys", "/sys/fs/cgroup"];

    // Devices of a kernel, not of a machine's parts, by their numbers: Documentation/admin-guide/devices.txt of Linux.
    private static readonly Dictionary<(uint Major, uint Minor), string> KernelDevices = new()
    {
        [(1, 3)] = "/dev/null",
        [(1, 5)] = "/dev/zero",
        [(1, 7)] = "/dev/full",
        [(1, 8)] = "/dev/random",
        [(1, 9)] = "/dev/urandom",
        [(1, 11)] = "/dev/kmsg",
        [(10, 200)] = "/dev/net/tun",
        [(10, 229)] = "/dev/fuse",
        [(10, 237)] = "/dev/loop-control",
    };

    /// <summary>Whether the guest has this of its own, at the same place.</summary>
    internal static bool Has(string source, string target)
        => Array.IndexOf(Places, target.TrimEnd('/')) >= 0
            && (source.TrimEnd('/') == target.TrimEnd('/') || target.StartsWith("/sys/", StringComparison.Ordinal));

    /// <summary>The guest's device that is the same as this one of the host, or null.</summary>
    internal static string? DeviceLike(string source)
    {
        if (FileStatus.TryOf(source, followLinks: true) is not { Kind: FileKind.CharacterDevice } status) return null;
        foreach (((uint major, uint minor), string device) in KernelDevices)
        {
            if (status.SpecialDevice == FileStatus.Device(major, minor)) return device;
        }

        return null;
    }
}
