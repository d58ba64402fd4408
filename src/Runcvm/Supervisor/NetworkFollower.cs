using Microsoft.Win32.SafeHandles;
using Runcvm.Brokering;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Netlink;
using Runcvm.Network;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>Tells the guest when the container is connected to a network, or disconnected from one, while the machine runs.</summary>
internal sealed class NetworkFollower(
    EventLoop loop, GuestLink link, SafeFileHandle events, NetworkQuestions questions, Setup setup, bool guardsNames,
    Action changed, MachineLog log) : IDisposable
{
    // An engine makes an interface in a dozen steps, and changes the names of other containers before or after that.
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Afterwards = TimeSpan.FromSeconds(1);

    private readonly AsyncFile _events = new(loop, events);
    private IReadOnlyList<byte[]> _files = [.. setup.Files.Select(static file => file.Content)];
    private IReadOnlyList<NetworkInterface?> _cards = [.. setup.Interfaces, .. setup.SpareCards.Select(static _ => (NetworkInterface?)null)];
    private IReadOnlyList<KeyValuePair<string, string>> _sysctls = setup.NetworkSysctls;

    /// <summary>Follows until the object is disposed.</summary>
    internal async Task RunAsync()
    {
        try
        {
            Task next = _events.ReadableAsync();
            while (true)
            {
                await next;
                changed();
                await loop.DelayAsync(Settling);
                RouteEvents.Drain(_events.Handle);
                changed();
                await FollowAsync();
                next = _events.ReadableAsync();
                // Files change without an event. The next interface does not wait for them: it has no filters yet.
                if (await Task.WhenAny(next, loop.DelayAsync(Afterwards)) != next) await FollowAsync();
            }
        }
        catch (ObjectDisposedException)
        {
            // The machine is ending.
        }
    }

    public void Dispose()
    {
        _events.Dispose();
        questions.Dispose();
    }

    private async Task FollowAsync()
    {
        NetworkState? state = null;
        try
        {
            state = await questions.AskAsync();
            if (state != null) _sysctls = NamespaceSysctls.Read(Names(state.Cards));
        }
        catch (Exception e) when (e is LinuxException or UsageException or WireFormatException or IOException)
        {
            log.Info($"the network of the container has changed, and the machine's could not follow: {Reason.Of(e)}");
        }

        foreach (string complaint in state?.Complaints ?? []) MachineLog.Error(complaint);
        (IReadOnlyList<byte[]> files, bool relay) = ProvidedFiles.Read(setup.Files, guardsNames);
        bool sameFiles = files.Zip(_files).All(static pair => pair.First.AsSpan().SequenceEqual(pair.Second));
        if (state == null && sameFiles) return;
        Note(state);
        _files = files;
        _cards = state?.Cards ?? _cards;
        try
        {
            await link.SendAsync(new NetworkChange(_cards, _sysctls, _files, relay));
        }
        catch (WireFormatException e)
        {
            MachineLog.Error(
                $"the network of the container has changed, and the machine's could not follow: {e.Message}");
        }
    }

    private void Note(NetworkState? state)
    {
        string[] before = Names(_cards);
        string[] now = Names(state?.Cards ?? _cards);
        foreach (string name in now.Except(before)) log.Info($"{name} was connected");
        foreach (string name in before.Except(now)) log.Info($"{name} was disconnected");
    }

    private static string[] Names(IReadOnlyList<NetworkInterface?> cards) => [.. cards.OfType<NetworkInterface>().Select(static card => card.Name)];
}
