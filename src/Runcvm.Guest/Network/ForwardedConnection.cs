using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Network;

/// <summary>A connection that somebody outside made to an address of the machine that is not the machine's alone.</summary>
internal static class ForwardedConnection
{
    private const uint Loopback = 0x7F000001;

    /// <summary>Opens the channels before it returns, connects, and relays until both directions have ended.</summary>
    internal static async Task RunAsync(EventLoop loop, Multiplexer multiplexer, Connect request)
    {
        Channel input = multiplexer.Open(Start.ChannelOf(request.Id, 0));
        Channel output = multiplexer.Open(Start.ChannelOf(request.Id, 1));
        try
        {
            using var socket = new AsyncFile(loop, InternetSocket.ConnectStream(new IPv4End(Loopback, request.Port)));
            await socket.WritableAsync();
            await SocketRelay.RunAsync(socket, input.ReadAsync, output.WriteAsync, output.End, Close);
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException or ChannelClosedException)
        {
            // Refused or broken: closing the channels says so.
        }
        finally
        {
            Close();
        }

        void Close()
        {
            input.Close();
            output.Close();
        }
    }
}
