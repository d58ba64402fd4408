using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Supervisor;

/// <summary>A connection of which one end is on the host and the other in the machine.</summary>
internal sealed class RelayedConnection
{
    private readonly GuestLink _link;
    private readonly AsyncFile _socket;
    private readonly uint _id;
    private Channel? _input;
    private Channel? _output;

    private RelayedConnection(GuestLink link, AsyncFile socket)
    {
        _link = link;
        _socket = socket;
        _id = link.NextId();
    }

    /// <summary>Relays until both directions have ended; the socket is closed then.</summary>
    /// <param name="link">to the guest</param>
    /// <param name="socket">the host's end</param>
    /// <param name="announce">tells the guest the number of the connection, and opens its channels by the action that
    /// it gets</param>
    internal static Task RunAsync(GuestLink link, AsyncFile socket, Func<uint, Action, Task> announce)
        => new RelayedConnection(link, socket).RunAsync(announce);

    private async Task RunAsync(Func<uint, Action, Task> announce)
    {
        try
        {
            await announce(_id, Open);
            await SocketRelay.RunAsync(_socket, _output!.ReadAsync, _input!.WriteAsync, _input!.End, Close);
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException or ChannelClosedException)
        {
            // One side has broken off; the other finds out by the same.
        }
        finally
        {
            _socket.Dispose();
            Close();
        }
    }

    private void Open()
    {
        _input = _link.Multiplexer.Open(Start.ChannelOf(_id, 0));
        _output = _link.Multiplexer.Open(Start.ChannelOf(_id, 1));
    }

    private void Close()
    {
        _input?.Close();
        _output?.Close();
    }
}
