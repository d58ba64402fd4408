using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.VirtioFs;

/// <summary>One ring of the device, through starts and stops of the guest's driver.</summary>
internal sealed class Ring
{
    private readonly object _state = new();
    private readonly Lock _calling = new();
    private RunningRing? _running;
    private SafeFileHandle? _call;
    private int _underWay;

    /// <summary>Held by the thread that takes requests.</summary>
    internal Lock Leading { get; } = new();

    /// <summary>What the hypervisor told of the ring so far.</summary>
    internal int Entries { get; set; }

    internal RingAddresses Addresses { get; set; }

    internal bool Enabled { get; set; } = true;

    internal SafeFileHandle? Kick { get; set; }

    /// <summary>Number of the request that is taken next after a start.</summary>
    internal ushort First { get; set; }

    internal bool IsRunning
    {
        get
        {
            lock (_state) return _running != null;
        }
    }

    /// <summary>Begins to take requests.</summary>
    internal void Start(RunningRing running)
    {
        lock (_state)
        {
            _running = running;
            Monitor.PulseAll(_state);
        }
    }

    /// <summary>Takes no more requests, and waits until those that were taken are handed back, but for those that wait for
    /// a lock, which nobody can wait for any more. The next start goes on with the request that would have been next.</summary>
    internal void Stop()
    {
        lock (_state)
        {
            if (_running == null) return;
            RunningRing running = _running;
            _running = null;
            while (_underWay > 0)
            {
                running.Wake();
                Monitor.Wait(_state, millisecondsTimeout: 100);
            }

            First = running.Queue.Taken;
        }
    }

    /// <summary>Waits for the next request. One thread at a time.</summary>
    internal RunningRing Take(RingRequest request)
    {
        while (true)
        {
            RunningRing running = Enter();
            if (running.Queue.TryTake(request)) return running;
            if (!running.Queue.AskForNotice()) running.AwaitNotice();
            Leave();
        }
    }

    /// <summary>Hands back a request that <see cref="Take"/> gave.</summary>
    internal void HandBack(RunningRing running, ushort head, int written)
    {
        if (running.Queue.HandBack(head, written)) Call();
        Leave();
    }

    /// <summary>A request that was taken is answered later, if the ring runs on so long.</summary>
    internal void Leave()
    {
        lock (_state)
        {
            if (--_underWay == 0) Monitor.PulseAll(_state);
        }
    }

    /// <summary>The answer to a request that was left.</summary>
    internal void HandBackLater(RunningRing running, RingAnswer place, ReadOnlySpan<byte> answer)
    {
        lock (_state)
        {
            if (_running != running) return;
            int put = RingRequest.Put(running.Memory, place.Room, answer);
            if (running.Queue.HandBack(place.Head, put)) Call();
        }
    }

    /// <summary>Where the guest is told of answers.</summary>
    internal void SetCall(SafeFileHandle? call)
    {
        lock (_calling)
        {
            _call?.Dispose();
            _call = call;
        }
    }

    private RunningRing Enter()
    {
        lock (_state)
        {
            while (_running == null) Monitor.Wait(_state);
            _underWay++;
            return _running;
        }
    }

    private void Call()
    {
        lock (_calling)
        {
            // Full already means told already.
            if (_call != null) FileDescriptor.TryWrite(_call, [1, 0, 0, 0, 0, 0, 0, 0]);
        }
    }
}
