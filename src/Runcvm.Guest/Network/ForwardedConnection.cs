using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Network;

/// <summary>A connection, or an exchange of datagrams, of which one end is in the machine and the other on the host.</summary>
internal static class ForwardedConnection
{
    private const uint Loopback = 0x7F000001;

    /// <summary>One that somebody outside made to an address of the machine that is not the machine's alone, or the datagrams that he
    /// sends there. Opens the channels before it returns, connects, and relays until both directions have ended.</summary>
    internal static Task RunAsync(EventLoop loop, Multiplexer multiplexer, Connect request)
        => RelayAsync(multiplexer, request.Id, request.IsDatagram, async () =>
        {
            var socket = new AsyncFile(loop, Open(request));
            if (!request.IsDatagram) await socket.WritableAsync();
            return socket;
        });

    /// <summary>One that somebody in the machine made to a socket of the host.</summary>
    internal static Task RunAsync(EventLoop loop, Multiplexer multiplexer, uint id, SafeFileHandle accepted)
        => RelayAsync(multiplexer, id, isDatagram: false, () => Task.FromResult(new AsyncFile(loop, accepted)));

    private static async Task RelayAsync(Multiplexer multiplexer, uint id, bool isDatagram, Func<Task<AsyncFile>> open)
    {
        Channel input = multiplexer.Open(Start.ChannelOf(id, 0));
        Channel output = multiplexer.Open(Start.ChannelOf(id, 1));
        try
        {
            using AsyncFile socket = await open();
            if (isDatagram)
            {
                await DatagramRelay.RunAsync(socket, input.ReadAsync, output.WriteAsync);
                return;
            }

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
