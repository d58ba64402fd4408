using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;

namespace Runcvm.Hypervisors.Firecracker;

/// <summary>Waits for the one connection that the guest makes to a port at boot.</summary>
internal sealed class GuestDial : IDisposable
{
    private readonly string _path;
    private readonly AsyncFile _listener;
    private SafeFileHandle? _stream;

    /// <param name="loop">on which it is awaited</param>
    /// <param name="path">where it arrives; what a crash left there goes</param>
    internal GuestDial(EventLoop loop, string path)
    {
        _path = path;
        File.Delete(path);
        _listener = new AsyncFile(loop, UnixSocket.Listen(path));
        // Only supervisor and hypervisor can reach the folder, and they are two users.
        Node.SetPermissions(path, Permission.EverybodysFile);
    }

    /// <summary>The connection. After it nobody can make another one: the workload is root in the guest, and could dial too.</summary>
    internal async Task<SafeFileHandle> AcceptAsync()
    {
        SafeFileHandle? connection;
        while ((connection = UnixSocket.TryAccept(_listener.Handle)) == null) await _listener.ReadableAsync();
        File.Delete(_path);
        _listener.Dispose();
        return _stream = connection;
    }

    public void Dispose()
    {
        _listener.Dispose();
        _stream?.Dispose();
    }
}
