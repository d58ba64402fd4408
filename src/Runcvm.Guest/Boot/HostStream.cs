using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;

namespace Runcvm.Guest.Boot;

/// <summary>The byte stream to the supervisor.</summary>
internal static class HostStream
{
    private const string Ports = "/sys/class/virtio-ports";

    /// <summary>The name that the supervisor gives the port.</summary>
    private const string PortName = "org.runcvm.stream";

    /// <summary>The name of the port for requests of shared files.</summary>
    private const string SharesPortName = "org.runcvm.shares";

    internal static async Task<AsyncFile> OpenAsync(EventLoop loop)
    {
        var stream = new AsyncFile(loop, OpenPort(PortName));
        // Until the host's side is connected a read would report the end of the stream; a port takes output from then on.
        await stream.WritableAsync();
        return stream;
    }

    /// <summary>The stream of the shares.</summary>
    internal static SafeFileHandle OpenShares() => OpenPort(SharesPortName);

    private static SafeFileHandle OpenPort(string name)
    {
        using var events = new UeventSocket();
        string? device;
        // Ports are announced after their controller's driver is loaded, at a time of the hypervisor's choosing.
        while ((device = FindPort(name)) == null) events.Wait();
        return FileDescriptor.Open(device, OpenFlags.ReadWrite | OpenFlags.NonBlocking);
    }

    private static string? FindPort(string wanted)
    {
        if (!Directory.Exists(Ports)) return null;
        foreach (string port in Directory.GetDirectories(Ports))
        {
            string name = Path.Combine(port, "name");
            string device = "/dev/" + Path.GetFileName(port);
            if (File.Exists(name) && File.ReadAllText(name).Trim() == wanted && File.Exists(device)) return device;
        }

        return null;
    }
}
