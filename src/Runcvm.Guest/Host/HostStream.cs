using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Devices;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol;

namespace Runcvm.Guest.Host;

/// <summary>The byte stream to the supervisor: a console port where the hypervisor has one for us, else a connection by vsock.</summary>
internal static class HostStream
{
    private const string Ports = "/sys/class/virtio-ports";

    /// <summary>The name that the supervisor gives the port.</summary>
    private const string PortName = "org.runcvm.stream";

    /// <summary>The name of the port for requests of shared files.</summary>
    private const string SharesPortName = "org.runcvm.shares";

    /// <summary>Several requests for shared files of 1 MiB each. The usual 256 KiB make the host wait in the middle of one.</summary>
    private const ulong Window = 8 * 1024 * 1024;

    internal static async Task<AsyncFile> OpenAsync(EventLoop loop)
    {
        var stream = new AsyncFile(loop, Open(PortName, HostPort.Stream));
        // Until the host's side is connected a read of a port would report the end of the stream; it takes output from then on.
        await stream.WritableAsync();
        return stream;
    }

    /// <summary>The stream of the shares.</summary>
    internal static SafeFileHandle OpenShares() => Open(SharesPortName, HostPort.Shares);

    private static SafeFileHandle Open(string port, uint number)
    {
        using var events = new UeventSocket();
        while (true)
        {
            // Devices are announced after their driver is loaded, at a time of the hypervisor's choosing.
            if (FindPort(port) is { } device) return FileDescriptor.Open(device, OpenFlags.ReadWrite | OpenFlags.NonBlocking);
            if (VirtioDevices.Any(VirtioDevices.Vsock, withDriver: true)) return Dial(number);
            events.Wait();
        }
    }

    private static SafeFileHandle Dial(uint number)
    {
        SafeFileHandle stream = VirtualSocket.Connect(HostPort.Context, number, Window);
        FileDescriptor.SetNonBlocking(stream);
        return stream;
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
