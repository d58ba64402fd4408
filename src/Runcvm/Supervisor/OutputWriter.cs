using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;

namespace Runcvm.Supervisor;

/// <summary>Writes a channel to a file of the host, and knows when all that has come was written.</summary>
internal sealed class OutputWriter(Channel channel, AsyncFile file)
{
    private readonly Pulse _written = new();
    private bool _writing;
    private bool _ended;

    internal async Task RunAsync()
    {
        byte[] buffer = new byte[32 * 1024];
        try
        {
            for (int n; (n = await channel.ReadAsync(buffer)) > 0;)
            {
                _writing = true;
                await file.WriteAsync(buffer.AsMemory(0, n));
                _writing = false;
                if (!channel.HasUnread) _written.Set();
            }
        }
        catch (Exception e) when (e is ChannelClosedException or LinuxException { Errno: Errno.EPIPE or Errno.EIO or Errno.ECONNRESET })
        {
            // The guest is gone, or nobody reads its output any more; then the writer in the guest shall get to know.
            channel.Refuse();
        }
        finally
        {
            _ended = true;
            _written.Set();
            channel.Close();
            file.Dispose();
        }
    }

    /// <summary>Takes no more from the guest.</summary>
    internal void Close() => channel.Close();

    internal async Task DrainAsync()
    {
        while (!_ended && (_writing || channel.HasUnread)) await _written.WaitAsync();
    }
}
