using Runcvm.Guest.Host;
using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Network;

/// <summary>Tells the host at which ports the machine listens, so that it can be reached where its addresses are shared with
/// somebody else: the kernel announces no new listener, so it is asked.</summary>
/// <param name="loop">the loop</param>
/// <param name="control">to the host</param>
/// <param name="longest">between two looks</param>
internal sealed class PortReporter(EventLoop loop, ControlChannel control, TimeSpan longest)
{
    // Twenty looks until the pause is one of a second.
    private const double Growth = 1.12;
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(100);

    private TimeSpan _pause = Shortest;
    private TaskCompletionSource _hurry = new();
    private List<ListeningPort> _before = [];

    /// <summary>A process was started: most services begin to listen soon after that.</summary>
    internal void Hurry()
    {
        _pause = Shortest;
        _hurry.TrySetResult();
    }

    /// <summary>Another host listens, which knows of none.</summary>
    internal void BeginAnew()
    {
        _before = [];
        Hurry();
    }

    /// <summary>Lives as long as the stream.</summary>
    internal async Task RunAsync()
    {
        try
        {
            while (true)
            {
                if (await Task.WhenAny(loop.DelayAsync(_pause), _hurry.Task) == _hurry.Task)
                {
                    _hurry = new TaskCompletionSource();
                    continue;
                }

                _pause = _pause * Growth < longest ? _pause * Growth : longest;
                List<ListeningPort> now;
                try
                {
                    now = ListeningPorts.Read();
                }
                catch (IOException)
                {
                    // Out of files for a moment: the next look may find some.
                    continue;
                }

                if (now.SequenceEqual(_before)) continue;
                // A service that has begun to listen may do so at more ports.
                _pause = Shortest;
                _before = now;
                await control.SendAsync(new Listening(now));
            }
        }
        catch (ChannelClosedException)
        {
            // The machine is ending.
        }
    }
}
