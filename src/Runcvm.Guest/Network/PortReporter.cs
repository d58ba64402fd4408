using Runcvm.Guest.Boot;
using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Network;

/// <summary>Tells the host at which ports the machine listens, so that it can be reached where its addresses are shared with
/// somebody else: the kernel announces no new listener, so it is asked.</summary>
internal static class PortReporter
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    /// <summary>Lives as long as the stream.</summary>
    internal static async Task RunAsync(EventLoop loop, ControlChannel control)
    {
        List<ListeningPort> before = [];
        TimeSpan pause = Shortest;
        try
        {
            while (true)
            {
                await loop.DelayAsync(pause);
                // Most services begin to listen soon after the start.
                pause = pause * 1.2 < Longest ? pause * 1.2 : Longest;
                List<ListeningPort> now = ListeningPorts.Read();
                if (now.SequenceEqual(before)) continue;
                before = now;
                await control.SendAsync(new Listening(now));
            }
        }
        catch (ChannelClosedException)
        {
            // The machine is ending.
        }
    }
}
