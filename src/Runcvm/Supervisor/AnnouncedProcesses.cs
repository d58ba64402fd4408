using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Supervisor;

/// <summary>Execs that `runcvm exec` has announced, and for which `runcvm attach` is still on its way: the guest gets their processes ready
/// meanwhile. Whoever asks for the same process gets the one that is ready; two that are the same may take each other's.</summary>
internal sealed class AnnouncedProcesses(EventLoop loop, GuestLink link)
{
    // Each is a process of the guest. More at once start as they would without.
    private const int Most = 8;

    /// <summary>A longer message goes to the guest once, with the start.</summary>
    internal const int LargestStart = MessageReader.SmallLength;

    // The low-level runtime may have failed, or been killed, in between.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly List<(uint Id, byte[] Start)> _waiting = [];
    private readonly HashSet<Task> _timeouts = [];

    /// <param name="start">the body of the start message that `attach` will send</param>
    internal async Task AddAsync(byte[] start)
    {
        if (_waiting.Count == Most || start.Length > LargestStart) return;
        ProcessSpec process = WireBytes.Read<Start>(start).Process;
        uint id = link.NextId();
        _waiting.Add((id, start));
        _timeouts.RemoveWhere(static timeout => timeout.IsCompleted);
        _timeouts.Add(ForgetLaterAsync(id));
        await link.SendAsync(new Prepare(new Start(id, process)));
    }

    /// <summary>The number under which the guest has got that process ready, or null.</summary>
    internal uint? Take(ReadOnlySpan<byte> start)
    {
        for (int i = 0; i < _waiting.Count; i++)
        {
            if (!start.SequenceEqual(_waiting[i].Start)) continue;
            uint id = _waiting[i].Id;
            _waiting.RemoveAt(i);
            return id;
        }

        return null;
    }

    private async Task ForgetLaterAsync(uint id)
    {
        await loop.DelayAsync(Patience);
        if (_waiting.RemoveAll(waiting => waiting.Id == id) > 0) await link.SendAsync(new Forget(id));
    }
}
