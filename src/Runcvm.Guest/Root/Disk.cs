using Runcvm.Linux.Sockets;

namespace Runcvm.Guest.Root;

/// <summary>Finds disks by the name that the host gave them: a serial number, because under QEMU their order is not ours, or the path of
/// their device where the hypervisor chooses serial numbers and keeps the order.</summary>
internal static class Disk
{
    internal static string Find(string name)
    {
        using var events = new UeventSocket();
        string? device;
        while ((device = TryFind(name)) == null) events.Wait();
        return device;
    }

    private static string? TryFind(string name)
    {
        if (name.StartsWith("/dev/", StringComparison.Ordinal)) return File.Exists(name) ? name : null;
        foreach (string disk in Directory.GetDirectories("/sys/block"))
        {
            string path = Path.Combine(disk, "serial");
            string device = "/dev/" + Path.GetFileName(disk);
            if (File.Exists(path) && File.ReadAllText(path).Trim() == name && File.Exists(device)) return device;
        }

        return null;
    }
}
