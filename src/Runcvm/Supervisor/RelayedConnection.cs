using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Supervisor;

/// <summary>A connection of which one end is on the host and the other in the machine.</summary>
internal static class RelayedConnection
{
    /// <summary>Relays until both directions have ended; the socket is closed then.</summary>
    /// <param name="link">to the guest</param>
    /// <param name="socket">the host's end</param>
    /// <param name="announce">tells the guest the number of the connection</param>
    internal static async Task RunAsync(GuestLink link, AsyncFile socket, Func<uint, Task> announce)
    {
        uint id = link.NextId();
        Channel input = link.Multiplexer.Open(Start.ChannelOf(id, 0));
        Channel output = link.Multiplexer.Open(Start.ChannelOf(id, 1));
        try
        {
            await announce(id);
            await SocketRelay.RunAsync(socket, output.ReadAsync, input.WriteAsync, input.End, Close);
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException or ChannelClosedException)
        {
            // One side has broken off; the other finds out by the same.
        }
        finally
        {
            socket.Dispose();
            Close();
        }

        void Close()
        {
            input.Close();
            output.Close();
        }
    }
}
