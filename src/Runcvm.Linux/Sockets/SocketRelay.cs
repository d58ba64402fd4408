using Runcvm.Linux.Events;

namespace Runcvm.Linux.Sockets;

/// <summary>Carries bytes between a connected socket and another stream, both ways at once.</summary>
public static class SocketRelay
{
    private const int BufferSize = 32 * 1024;

    /// <summary>Relays until both directions have ended, or one has broken.</summary>
    /// <param name="socket">connected; disposed when a direction breaks</param>
    /// <param name="read">reads from the other stream, 0 at its end</param>
    /// <param name="write">writes to the other stream</param>
    /// <param name="endWriting">says there that nothing more will be written</param>
    /// <param name="abandon">ends both directions of the other stream, so that nobody waits for it</param>
    public static async Task RunAsync(
        AsyncFile socket, Func<Memory<byte>, ValueTask<int>> read, Func<ReadOnlyMemory<byte>, ValueTask> write, Action endWriting, Action abandon)
    {
        void Abandon()
        {
            socket.Dispose();
            abandon();
        }

        await Task.WhenAll(
            CopyAsync(read, socket.WriteAsync, () => StreamListener.EndWriting(socket.Handle), Abandon),
            CopyAsync(socket.ReadAsync, write, endWriting, Abandon));
    }

    private static async Task CopyAsync(
        Func<Memory<byte>, ValueTask<int>> read, Func<ReadOnlyMemory<byte>, ValueTask> write, Action end, Action abandon)
    {
        byte[] buffer = new byte[BufferSize];
        try
        {
            for (int n; (n = await read(buffer)) > 0;) await write(buffer.AsMemory(0, n));
            end();
        }
        catch
        {
            // Whoever waits in the other direction has nothing left to wait for.
            abandon();
            throw;
        }
    }
}
