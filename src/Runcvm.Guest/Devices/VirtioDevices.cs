namespace Runcvm.Guest.Devices;

/// <summary>What this machine has on its virtio bus, by the device ids of the virtio specification.</summary>
internal static class VirtioDevices
{
    internal const int Console = 3;
    internal const int Vsock = 19;
    internal const int FileSystem = 26;

    private const string Bus = "/sys/bus/virtio/devices";

    /// <param name="id">kind of device</param>
    /// <param name="withDriver">only those that a driver has taken over</param>
    internal static bool Any(int id, bool withDriver = false)
    {
        string kind = $"0x{id:x4}";
        if (!Directory.Exists(Bus)) return false;
        foreach (string device in Directory.GetDirectories(Bus))
        {
            if (File.ReadAllText(device + "/device").Trim() == kind && (!withDriver || Directory.Exists(device + "/driver"))) return true;
        }

        return false;
    }
}
