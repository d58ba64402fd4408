using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Frames;

namespace Runcvm.Guest.Processes;

/// <summary>Carries what a process writes to its channel, and knows when all of it so far was sent.</summary>
internal sealed class OutputRelay(AsyncFile file, Channel channel)
{
    private readonly Pulse _becameIdle = new();
    private bool _idle;
    private bool _ended;

    internal async Task RunAsync()
    {
        byte[] buffer = new byte[32 * 1024];
        try
        {
            while (true)
            {
                int n = Read(buffer);
                if (n == 0) break;
                if (n > 0)
                {
                    await channel.WriteAsync(buffer.AsMemory(0, n));
                    continue;
                }

                _idle = true;
                _becameIdle.Set();
                await file.ReadableAsync();
                _idle = false;
            }
        }
        catch (ChannelClosedException)
        {
            // Nobody listens any more; closing the pipe tells the writer, as with any closed pipe.
        }
        finally
        {
            _ended = true;
            channel.End();
            file.Dispose();
            _becameIdle.Set();
        }
    }

    internal async Task DrainAsync()
    {
        if (_ended) return;
        // What was written last may not have been announced yet: look before believing that there is nothing.
        if (_idle) file.Prod();
        while (!_idle && !_ended) await _becameIdle.WaitAsync();
    }

    private int Read(byte[] buffer)
    {
        try
        {
            return FileDescriptor.TryRead(file.Handle, buffer);
        }
        catch (LinuxException e) when (e.Errno == Errno.EIO)
        {
            // A terminal says so when the last process on its other side is gone.
            return 0;
        }
    }
}
