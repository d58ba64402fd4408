using Runcvm.Linux.Sockets;

namespace Runcvm.Guest.Boot;

/// <summary>Finds disks by the serial number that the host gave them: their order differs between machines.</summary>
internal static class Disk
{
    internal static string Find(string serial)
    {
        using var events = new UeventSocket();
        string? device;
        while ((device = TryFind(serial)) == null) events.Wait();
        return device;
    }

    private static string? TryFind(string serial)
    {
        foreach (string disk in Directory.GetDirectories("/sys/block"))
        {
            string path = Path.Combine(disk, "serial");
            string device = "/dev/" + Path.GetFileName(disk);
            if (File.Exists(path) && File.ReadAllText(path).Trim() == serial && File.Exists(device)) return device;
        }

        return null;
    }
}
