using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Network;
using Runcvm.Protocol.Messages;

namespace Runcvm.Supervisor;

/// <summary>Listens where the guest listens, for those who share its addresses but not its machine: containers that joined
/// the sandbox's network namespace, and whoever uses the namespace that the machine joined.</summary>
/// <param name="loop">the loop</param>
/// <param name="link">to the guest</param>
/// <param name="tryListen">gives a listening socket for a port, or null when the port is taken</param>
/// <param name="keepsPorts">whether a port stays taken when the guest no longer listens</param>
/// <param name="serves">whether a peer's address is one of those that are served; who is not is refused</param>
/// <param name="log">says which ports are taken</param>
internal sealed class PortRelay(
    EventLoop loop, GuestLink link, Func<ListeningPort, SafeFileHandle?> tryListen, bool keepsPorts,
    Func<byte[], bool> serves, MachineLog log) : IDisposable
{
    // The guest names them: neither files nor memory of the sandbox may run out. A connection may hold two windows.
    private const int MaxPorts = 256;
    private const int MaxConnections = 256;
    private const int MaxSenders = 256;
    private const long MaxWaiting = 16 * 1024 * 1024;

    private readonly Dictionary<ListeningPort, IDisposable> _listeners = [];
    private readonly HashSet<ListeningPort> _refused = [];
    private readonly HashSet<Task> _tasks = [];
    private readonly WaitingBytes _waiting = new(MaxWaiting);
    private readonly DatagramSenders _senders = new(MaxSenders);
    private int _connections;

    /// <summary>Takes over what the guest says.</summary>
    internal void Update(IReadOnlyList<ListeningPort> ports)
    {
        foreach (ListeningPort gone in keepsPorts ? [] : _listeners.Keys.Except(ports).ToArray())
        {
            _listeners.Remove(gone, out IDisposable? listener);
            listener!.Dispose();
        }

        _refused.IntersectWith(ports);
        foreach (ListeningPort port in ports)
        {
            if (_listeners.ContainsKey(port)) continue;
            // One that is kept from when the service listened at fewer addresses, or more, is in the way of the same service.
            if (_listeners.Remove(port with { LoopbackOnly = !port.LoopbackOnly }, out IDisposable? former)) former.Dispose();
            if (_listeners.Count >= MaxPorts) continue;
            if (tryListen(port) is { } socket) Listen(port, new AsyncFile(loop, socket));
            else if (_refused.Add(port)) log.Info($"{(port.IsDatagram ? "UDP" : "TCP")} port {port.Port} of the machine is taken by somebody else in the namespace that it shares");
        }
    }

    public void Dispose()
    {
        foreach (IDisposable listener in _listeners.Values) listener.Dispose();
        _listeners.Clear();
    }

    private void Listen(ListeningPort port, AsyncFile socket)
    {
        _tasks.RemoveWhere(static task => task.IsCompleted);
        if (port.IsDatagram)
        {
            var datagrams = new DatagramPort(loop, link, port.Port, socket, serves, _waiting, _senders);
            _listeners.Add(port, datagrams);
            _tasks.Add(datagrams.RunAsync());
            return;
        }

        _listeners.Add(port, socket);
        _tasks.Add(AcceptAsync(port.Port, socket));
    }

    // Until the guest no longer listens, or the machine ends.
    private Task AcceptAsync(ushort port, AsyncFile listener) => Acceptance.RunAsync(
        loop, listener,
        connection =>
        {
            _tasks.RemoveWhere(static task => task.IsCompleted);
            try
            {
                Take(port, connection);
            }
            catch
            {
                connection.Dispose();
                throw;
            }
        },
        log.Info);

    private void Take(ushort port, SafeFileHandle connection)
    {
        if (_connections >= MaxConnections) connection.Dispose();
        // The guest would take a stranger for itself.
        else if (StreamListener.PeerOf(connection) is not { } peer || !serves(peer.ToBytes()))
            StreamListener.Refuse(connection);
        else _tasks.Add(RelayAsync(port, new AsyncFile(loop, connection)));
    }

    private async Task RelayAsync(ushort port, AsyncFile socket)
    {
        _connections++;
        try
        {
            await RelayedConnection.RunAsync(link, socket, AnnounceAsync);
        }
        finally
        {
            _connections--;
        }

        Task AnnounceAsync(uint id, Action open)
            => link.AnnounceAsync(new Connect(id, port, IsDatagram: false), open);
    }
}
