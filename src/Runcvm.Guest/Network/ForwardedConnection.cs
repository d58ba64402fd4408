using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Network;

/// <summary>A connection of which one end is in the machine and the other on the host, or the datagrams between the two.</summary>
internal static class ForwardedConnection
{
    private const uint Loopback = 0x7F000001;

    /// <summary>One that somebody outside made to an address of the machine that is not the machine's alone. Opens the channels
    /// before it returns, connects, and relays until both directions have ended.</summary>
    internal static Task RunAsync(EventLoop loop, Multiplexer multiplexer, Connect request)
        => RelayAsync(loop, multiplexer, request.Id, () => Open(request), request.IsDatagram);

    /// <summary>One that somebody in the machine made to a socket of the host.</summary>
    internal static Task RunAsync(EventLoop loop, Multiplexer multiplexer, uint id, SafeFileHandle accepted)
        => RelayAsync(loop, multiplexer, id, () => accepted, isDatagram: false);

    private static async Task RelayAsync(EventLoop loop, Multiplexer multiplexer, uint id, Func<SafeFileHandle> open, bool isDatagram)
    {
        Channel input = multiplexer.Open(Start.ChannelOf(id, 0));
        Channel output = multiplexer.Open(Start.ChannelOf(id, 1));
        try
        {
            using var socket = new AsyncFile(loop, open());
            if (isDatagram)
            {
                await DatagramRelay.RunAsync(socket, input.ReadAsync, output.WriteAsync);
                return;
            }

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

    private static SafeFileHandle Open(Connect request)
    {
        if (ListeningPorts.IsOnlyIPv6(request.Port, request.IsDatagram))
        {
            try
            {
                return request.IsDatagram
                    ? InternetSocket.ConnectLoopbackDatagram6(request.Port)
                    : InternetSocket.ConnectLoopbackStream6(request.Port);
            }
            catch (LinuxException e) when (e.Errno is Errno.EADDRNOTAVAIL or Errno.EAFNOSUPPORT or Errno.ENETUNREACH)
            {
                // There is no ::1, so whoever listens at :: is reached over IPv4, or not at all.
            }
        }

        var end = new IPv4End(Loopback, request.Port);
        return request.IsDatagram ? InternetSocket.ConnectDatagram(end) : InternetSocket.ConnectStream(end);
    }
}
