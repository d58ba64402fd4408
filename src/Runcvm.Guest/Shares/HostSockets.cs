using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Host;
using Runcvm.Guest.Network;
using Runcvm.Guest.Paths;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Shares;

/// <summary>Sockets of the host in the machine: at the place of each one of its own listens, and what connects to that is
/// connected to the host's.</summary>
internal sealed class HostSockets(EventLoop loop, Multiplexer multiplexer, ControlChannel control) : IDisposable
{
    private const string Folder = "/run/host-sockets";

    private readonly List<AsyncFile> _listeners = [];
    private readonly Dictionary<uint, SafeFileHandle> _waiting = [];
    private readonly List<Task> _tasks = [];
    private int _connections;
    private uint _lastNumber;

    /// <summary>Listens at the place of a mount, for whom the host's own socket would let in.</summary>
    internal void Mount(GuestRoot root, GuestMount mount, IReadOnlyList<HostSocket> sockets)
    {
        HostSocket socket = sockets[(int)mount.Socket - 1];
        if (_listeners.Count == 0)
        {
            Node.MakeDirectory(Folder);
            MountPoint.Add("tmpfs", Folder, "tmpfs", MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec, "mode=0700,size=64k");
        }

        string path = $"{Folder}/{mount.Socket}";
        var listener = new AsyncFile(loop, UnixSocket.Listen(path));
        Node.SetOwner(path, socket.Owner, socket.Group);
        Node.SetPermissions(path, socket.Permissions);
        using SafeFileHandle target = root.FileAt(mount.Target);
        MountPoint.Bind(path, FileDescriptor.PathOf(target));
        _listeners.Add(listener);
        _tasks.Add(AcceptAsync(listener, (ushort)(mount.Socket - 1)));
    }

    /// <summary>Takes the host's answer: connects the two ends, or closes this one.</summary>
    internal void Dialled(SocketDialled answer)
    {
        if (!_waiting.Remove(answer.Number, out SafeFileHandle? accepted)) throw new WireFormatException($"the host answers to connection {answer.Number}, which nobody made");
        if (answer.Id != 0)
        {
            _tasks.RemoveAll(static task => task.IsCompleted);
            _tasks.Add(RelayAsync(answer.Id, accepted));
            return;
        }

        accepted.Dispose();
        ProdListeners();
    }

    public void Dispose()
    {
        foreach (AsyncFile listener in _listeners) listener.Dispose();
        foreach (SafeFileHandle accepted in _waiting.Values) accepted.Dispose();
    }

    private async Task AcceptAsync(AsyncFile listener, ushort socket)
    {
        try
        {
            while (true)
            {
                await listener.ReadableAsync();
                // Beyond the limit they wait in the kernel's queue, as for a service that is busy.
                while (_waiting.Count + _connections < DialSocket.MostConnections && UnixSocket.TryAccept(listener.Handle) is { } accepted)
                {
                    _waiting.Add(++_lastNumber, accepted);
                    await control.SendAsync(new DialSocket(_lastNumber, socket));
                }
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or ChannelClosedException)
        {
            // The machine is ending.
        }
    }

    private async Task RelayAsync(uint id, SafeFileHandle accepted)
    {
        _connections++;
        await ForwardedConnection.RunAsync(loop, multiplexer, id, accepted);
        _connections--;
        ProdListeners();
    }

    // There is room for those that wait.
    private void ProdListeners()
    {
        foreach (AsyncFile listener in _listeners) listener.Prod();
    }
}
