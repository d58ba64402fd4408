using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol;

namespace Runcvm.Guest.Boot;

/// <summary>The byte stream to the supervisor: a console port where the hypervisor has one for us, else a connection by vsock.</summary>
internal static class HostStream
{
    private const string Ports = "/sys/class/virtio-ports";

    /// <summary>The name that the supervisor gives the port.</summary>
    private const string PortName = "org.runcvm.stream";

    internal static async Task<AsyncFile> OpenAsync(EventLoop loop)
    {
        using var events = new UeventSocket();
        while (true)
        {
            // Devices are announced after their driver is loaded, at a time of the hypervisor's choosing.
            if (FindPort() is { } device) return await OpenPortAsync(loop, device);
            if (VirtioDevices.Any(VirtioDevices.Vsock, withDriver: true)) return Dial(loop);
            events.Wait();
        }
    }

    private static async Task<AsyncFile> OpenPortAsync(EventLoop loop, string device)
    {
        var stream = new AsyncFile(loop, FileDescriptor.Open(device, OpenFlags.ReadWrite | OpenFlags.NonBlocking));
        // Until the host's side is connected a read would report the end of the stream; a port takes output from then on.
        await stream.WritableAsync();
        return stream;
    }

    private static AsyncFile Dial(EventLoop loop)
    {
        SafeFileHandle stream = VirtualSocket.Connect(HostPort.Context, HostPort.Number);
        FileDescriptor.SetNonBlocking(stream);
        return new AsyncFile(loop, stream);
    }

    private static string? FindPort()
    {
        if (!Directory.Exists(Ports)) return null;
        foreach (string port in Directory.GetDirectories(Ports))
        {
            string name = Path.Combine(port, "name");
            string device = "/dev/" + Path.GetFileName(port);
            if (File.Exists(name) && File.ReadAllText(name).Trim() == PortName && File.Exists(device)) return device;
        }

        return null;
    }
}
