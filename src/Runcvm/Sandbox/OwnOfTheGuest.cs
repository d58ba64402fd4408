using Runcvm.Linux.Files;

namespace Runcvm.Sandbox;

/// <summary>Bind mounts of things that belong to a kernel, not to a file system. The guest has a kernel of its own, and what
/// the user means is there already.</summary>
internal static class OwnOfTheGuest
{
    // What containers that run a system or an engine are usually given of the host's kernel.
    private static readonly string[] Places = ["/dev", "/dev/pts", "/dev/mqueue", "/lib/modules", "/usr/lib/modules", "/proc", "/sys", "/sys/fs/cgroup"];

    // Memory devices, which are the same in every Linux, by their minor number.
    private static readonly Dictionary<uint, string> MemoryDevices = new()
    {
        [3] = "/dev/null",
        [5] = "/dev/zero",
        [7] = "/dev/full",
        [8] = "/dev/random",
        [9] = "/dev/urandom",
    };

    /// <summary>Whether the guest has this of its own, at the same place.</summary>
    internal static bool Has(string source, string target)
        => Array.IndexOf(Places, target.TrimEnd('/')) >= 0
            && (source.TrimEnd('/') == target.TrimEnd('/') || target.StartsWith("/sys/", StringComparison.Ordinal));

    /// <summary>The guest's device that is the same as this one of the host, or null.</summary>
    internal static string? DeviceLike(string source)
    {
        if (FileStatus.TryOf(source, followLinks: true) is not { Kind: FileKind.CharacterDevice } status) return null;
        foreach ((uint minor, string device) in MemoryDevices)
        {
            if (status.SpecialDevice == FileStatus.Device(1, minor)) return device;
        }

        return null;
    }
}
