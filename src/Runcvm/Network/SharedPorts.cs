using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Messages;

namespace Runcvm.Network;

/// <summary>Sockets of the namespace that the machine joined (the host's, or another container's). The sandbox is not in it:
/// `create` made them there, and the low-level runtime handed them on as it does for socket activation (sd_listen_fds(3)).
/// Ports below 1024 take a capability, which one thread keeps that does nothing but bind.</summary>
internal sealed class SharedPorts
{
    /// <summary>How many TCP ports a machine can have there.</summary>
    internal const int Streams = 64;

    /// <summary>How many UDP ports a machine can have there.</summary>
    internal const int Datagrams = 32;

    private readonly Queue<SafeFileHandle> _streams = [];
    private readonly Queue<SafeFileHandle> _datagrams = [];
    private readonly BlockingCollection<Action> _requests = [];

    /// <summary>Takes over what `create` made. Must be called while this process has the capability.</summary>
    internal SharedPorts(IReadOnlyList<SafeFileHandle> sockets)
    {
        for (int i = 0; i < sockets.Count; i++)
        {
            // runc, when it hands them on, switches that off.
            FileDescriptor.SetNonBlocking(sockets[i]);
            (i < Streams ? _streams : _datagrams).Enqueue(sockets[i]);
        }

        using var ready = new ManualResetEventSlim();
        _requests.Add(ready.Set);
        var thread = new Thread(Serve) { IsBackground = true };
        thread.Start();
        ready.Wait();
    }

    /// <summary>All of them, in the calling thread's network namespace, to be handed on.</summary>
    internal static IReadOnlyList<SafeFileHandle> MakeAll()
        => [.. Enumerable.Range(0, Streams + Datagrams).Select(static i => Make(isDatagram: i >= Streams))];

    /// <summary>A socket of the calling thread's network namespace.</summary>
    internal static SafeFileHandle Make(bool isDatagram) => isDatagram ? DatagramListener.Make() : StreamListener.Make();

    /// <summary>Takes the port with this socket, which from then on is of no use for another one.</summary>
    internal static TakenPort Take(SafeFileHandle socket, ListeningPort port)
    {
        bool isBound = false;
        try
        {
            isBound = port.IsDatagram
                ? DatagramListener.TryBind(socket, port.Port, port.LoopbackOnly)
                : StreamListener.TryBind(socket, port.Port, port.LoopbackOnly);
            if (isBound && !port.IsDatagram) StreamListener.Listen(socket);
            return isBound ? TakenPort.Listening : TakenPort.None;
        }
        catch (LinuxException)
        {
            // The guest names the ports: one that cannot be had is no reason to end.
            return isBound ? TakenPort.BoundOnly : TakenPort.None;
        }
    }

    /// <summary>A listening socket for the port, or null when that cannot be had or all sockets are used.</summary>
    internal SafeFileHandle? TryListen(ListeningPort port)
    {
        Queue<SafeFileHandle> sockets = port.IsDatagram ? _datagrams : _streams;
        if (!sockets.TryDequeue(out SafeFileHandle? socket)) return null;
        using var done = new ManualResetEventSlim();
        TakenPort taken = TakenPort.None;
        _requests.Add(() =>
        {
            taken = Take(socket, port);
            done.Set();
        });
        done.Wait();
        if (taken == TakenPort.Listening) return socket;
        if (taken == TakenPort.BoundOnly) socket.Dispose();
        else sockets.Enqueue(socket);
        return null;
    }

    private void Serve()
    {
        CapabilitySet only = CapabilitySet.Of(["CAP_NET_BIND_SERVICE"]);
        CapabilitySet.Empty.LimitBounding();
        CapabilitySet.Apply(only, only, CapabilitySet.Empty);
        foreach (Action request in _requests.GetConsumingEnumerable()) request();
    }
}
