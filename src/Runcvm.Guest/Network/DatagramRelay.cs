using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;

namespace Runcvm.Guest.Network;

/// <summary>Carries the datagrams of one sender to a service of the machine, and the answers back.</summary>
internal static class DatagramRelay
{
    /// <summary>Relays until the host ends the stream.</summary>
    internal static async Task RunAsync(
        AsyncFile socket, Func<Memory<byte>, ValueTask<int>> read, Func<ReadOnlyMemory<byte>, ValueTask> write)
    {
        Task answers = AnswerAsync(socket, write);
        try
        {
            while (await Datagram.ReadAsync(read) is { } datagram) await TryAsync(() => socket.WriteDatagramAsync(datagram));
        }
        finally
        {
            socket.Dispose();
            await answers;
        }
    }

    private static async Task AnswerAsync(AsyncFile socket, Func<ReadOnlyMemory<byte>, ValueTask> write)
    {
        byte[] buffer = new byte[Datagram.MaxLength];
        try
        {
            while (true)
            {
                int length = 0;
                if (await TryAsync(async () => length = await socket.ReadAsync(buffer))) await write(Datagram.Frame(buffer.AsSpan(0, length)));
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or ChannelClosedException)
        {
            // The host has ended it.
        }
    }

    /// <summary>False when a datagram was lost: nobody listens at this moment, or it is too long.</summary>
    private static async Task<bool> TryAsync(Func<ValueTask> action)
    {
        try
        {
            await action();
            return true;
        }
        catch (LinuxException)
        {
            return false;
        }
    }
}
