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
    private const int BufferSize = 32 * 1024;

    /// <summary>Opens the channels before it returns, connects, and relays until both directions have ended.</summary>
    internal static async Task RunAsync(EventLoop loop, Multiplexer multiplexer, Connect request)
    {
        Channel input = multiplexer.Open(Start.ChannelOf(request.Id, 0));
        Channel output = multiplexer.Open(Start.ChannelOf(request.Id, 1));
        try
        {
            using var socket = new AsyncFile(loop, InternetSocket.ConnectStream(new IPv4End(Loopback, request.Port)));
            await socket.WritableAsync();
            await Task.WhenAll(ReceiveAsync(socket, input, output), SendAsync(socket, input, output));
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException or ChannelClosedException)
        {
            // Refused or broken: closing the channels says so.
        }
        finally
        {
            input.Close();
            output.Close();
        }
    }

    private static async Task ReceiveAsync(AsyncFile socket, Channel input, Channel output)
    {
        byte[] buffer = new byte[BufferSize];
        try
        {
            for (int n; (n = await input.ReadAsync(buffer)) > 0;) await socket.WriteAsync(buffer.AsMemory(0, n));
            StreamListener.EndWriting(socket.Handle);
        }
        catch
        {
            Abandon(socket, input, output);
            throw;
        }
    }

    private static async Task SendAsync(AsyncFile socket, Channel input, Channel output)
    {
        byte[] buffer = new byte[BufferSize];
        try
        {
            for (int n; (n = await socket.ReadAsync(buffer)) > 0;) await output.WriteAsync(buffer.AsMemory(0, n));
            output.End();
        }
        catch
        {
            Abandon(socket, input, output);
            throw;
        }
    }

    // Whoever waits in the other direction has nothing left to wait for.
    private static void Abandon(AsyncFile socket, Channel input, Channel output)
    {
        socket.Dispose();
        input.Close();
        output.Close();
    }
}
