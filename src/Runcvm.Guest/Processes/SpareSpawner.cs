using Runcvm.Linux;
using Runcvm.Linux.Events;

namespace Runcvm.Guest.Processes;

/// <summary>Keeps one <see cref="Spawner"/> ready, so that an exec does not wait for a program's start. It stays outside of
/// the workload's PID namespace, where nobody sees it.</summary>
internal sealed class SpareSpawner(EventLoop loop)
{
    // Long enough to leave the processors to the program that was started last, short to a person.
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(300);

    private Spawner? _spare;
    private bool _resting;

    /// <summary>The one that is ready, or a new one.</summary>
    internal Spawner Take()
    {
        Spawner taken = _spare ?? Spawner.Start();
        _spare = null;
        return taken;
    }

    /// <summary>Makes one ready now.</summary>
    internal void Refill()
    {
        try
        {
            _spare ??= Spawner.Start();
        }
        catch (LinuxException)
        {
            // No memory for it now, say. The next exec starts its own, or tells why not.
        }
    }

    /// <summary>Makes one ready when those that run have had their time.</summary>
    internal async Task RefillLaterAsync()
    {
        if (_resting || _spare != null) return;
        _resting = true;
        await loop.DelayAsync(Rest);
        _resting = false;
        Refill();
    }
}
