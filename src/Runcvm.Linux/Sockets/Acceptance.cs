using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;

namespace Runcvm.Linux.Sockets;

/// <summary>Takes connections from a listener for as long as it lives.</summary>
public static class Acceptance
{
    // Whatever there is too little of comes back with connections that end.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Ends when the listener is disposed.</summary>
    /// <param name="loop">the loop</param>
    /// <param name="listener">not blocking</param>
    /// <param name="take">gets each connection, not blocking</param>
    /// <param name="tell">is told once, with the reason, when a connection cannot be taken at the moment</param>
    public static async Task RunAsync(EventLoop loop, AsyncFile listener, Action<SafeFileHandle> take, Action<string>? tell = null)
    {
        bool told = false;
        try
        {
            while (true)
            {
                try
                {
                    while (UnixSocket.TryAccept(listener.Handle) is { } connection) take(connection);
                    await listener.ReadableAsync();
                }
                catch (LinuxException e)
                {
                    if (!told) tell?.Invoke($"connections wait: {e.Message}");
                    told = true;
                    await loop.DelayAsync(Pause, CancellationToken.None);
                }
            }
        }
        catch (ObjectDisposedException)
        {
            // Nobody listens any more.
        }
    }
}
