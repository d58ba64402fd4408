using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Network;

/// <summary>A connection of which one end is in the machine and the other on the host.</summary>
internal static class ForwardedConnection
{
    private const uint Loopback = 0x7F000001;

    /// <summary>One that somebody outside made to an address of the machine that is not the machine's alone. Opens the channels
    /// before it returns, connects, and relays until both directions have ended.</summary>
    internal static Task RunAsync(EventLoop loop, Multiplexer multiplexer, Connect request) => RelayAsync(multiplexer, request.Id, async () =>
    {
        var socket = new AsyncFile(loop, InternetSocket.ConnectStream(new IPv4End(Loopback, request.Port)));
        await socket.WritableAsync();
        return socket;
    });

    /// <summary>One that somebody in the machine made to a socket of the host.</summary>
    internal static Task RunAsync(EventLoop loop, Multiplexer multiplexer, uint id, SafeFileHandle accepted)
        => RelayAsync(multiplexer, id, () => Task.FromResult(new AsyncFile(loop, accepted)));

    private static async Task RelayAsync(Multiplexer multiplexer, uint id, Func<Task<AsyncFile>> open)
    {
        Channel input = multiplexer.Open(Start.ChannelOf(id, 0));
        Channel output = multiplexer.Open(Start.ChannelOf(id, 1));
        try
        {
            using AsyncFile socket = await open();
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
