using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Messages;

namespace Runcvm.Network;

/// <summary>Sockets of the namespace that the machine joined (the host's, or another container's). The sandbox is not in it:
/// `create` made them there, and the low-level runtime handed them on as it does for socket activation (sd_listen_fds(3)).
/// Ports below 1024 take a capability, so somebody else binds them who has it.</summary>
internal sealed class SharedPorts
{
    /// <summary>How many TCP ports a machine can have there.</summary>
    internal const int Streams = 64;

    /// <summary>How many UDP ports a machine can have there.</summary>
    internal const int Datagrams = 32;

    private readonly IReadOnlyList<SafeFileHandle> _sockets;
    private readonly Func<int, ListeningPort, TakenPort> _take;
    private readonly Queue<int> _streams = [];
    private readonly Queue<int> _datagrams = [];

    /// <summary>Takes over what `create` made.</summary>
    /// <param name="sockets">in the order in which it made them</param>
    /// <param name="take">does what <see cref="Take"/> does with the socket of that index</param>
    internal SharedPorts(IReadOnlyList<SafeFileHandle> sockets, Func<int, ListeningPort, TakenPort> take)
    {
        _sockets = sockets;
        _take = take;
        for (int i = 0; i < sockets.Count; i++)
        {
            // runc, when it hands them on, switches that off.
            FileDescriptor.SetNonBlocking(sockets[i]);
            (IsDatagram(i) ? _datagrams : _streams).Enqueue(i);
        }
    }

    /// <summary>What the socket of this index is.</summary>
    internal static bool IsDatagram(int index) => index >= Streams;

    /// <summary>All of them, in the calling thread's network namespace, to be handed on.</summary>
    internal static IReadOnlyList<SafeFileHandle> MakeAll()
        => [.. Enumerable.Range(0, Streams + Datagrams).Select(static i => Make(IsDatagram(i)))];

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
        Queue<int> indexes = port.IsDatagram ? _datagrams : _streams;
        if (!indexes.TryDequeue(out int index)) return null;
        TakenPort taken = _take(index, port);
        if (taken == TakenPort.Listening) return _sockets[index];
        if (taken == TakenPort.BoundOnly) _sockets[index].Dispose();
        else indexes.Enqueue(index);
        return null;
    }
}
