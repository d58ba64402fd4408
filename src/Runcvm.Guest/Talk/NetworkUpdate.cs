using Runcvm.Guest.Host;
using Runcvm.Guest.Network;
using Runcvm.Guest.Root;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Talk;

/// <summary>What the workload has of its networks, from the start on and after every change: interfaces, the files that name
/// nameservers and hosts, and a nameserver of its own where Docker's is asked.</summary>
internal sealed class NetworkUpdate : IDisposable
{
    private readonly EventLoop _loop;
    private readonly ControlChannel _control;
    private readonly Multiplexer _multiplexer;
    private Channel _questions;
    private readonly NetworkCards _cards;
    private readonly OwnedTasks _serving = new();
    private IReadOnlyList<byte[]> _files;
    private DnsListener? _names;

    internal NetworkUpdate(EventLoop loop, Multiplexer multiplexer, ControlChannel control, Setup setup, NetworkCards cards)
    {
        _loop = loop;
        _control = control;
        _multiplexer = multiplexer;
        _questions = multiplexer.Open(Start.DnsChannel);
        _cards = cards;
        _files = [.. setup.Files.Select(static file => file.Content)];
        if (setup.DnsRelay) StartNameserver();
    }

    /// <summary>Fails when the nameserver has a fault; one that it can name is a notice to the host.</summary>
    internal Task Failed => _serving.Failed;

    internal async Task ApplyAsync(NetworkChange change)
    {
        try
        {
            RewriteFiles(change);
            if (change.DnsRelay && _names == null) StartNameserver();
            foreach (string notice in _cards.Change(change)) await _control.SendAsync(new Notice(notice));
        }
        catch (Exception e) when (e is LinuxException or IOException)
        {
            await _control.SendAsync(new Notice($"a network that was connected or disconnected could not be followed: {e.Message}"));
        }
    }

    /// <summary>Takes over the networks of a machine that goes on from another one's memory.</summary>
    /// <returns>sentences about what was left out</returns>
    internal IReadOnlyList<string> Adopt(NetworkChange change)
    {
        // The questions on their way were asked in the other machine.
        _names?.Dispose();
        _names = null;
        _questions = _multiplexer.Open(Start.DnsChannel);
        RewriteFiles(change);
        IReadOnlyList<string> notices = _cards.Adopt(change);
        if (change.DnsRelay) StartNameserver();
        return notices;
    }

    private void RewriteFiles(NetworkChange change)
    {
        for (int i = 0; i < _files.Count && i < change.Files.Count; i++)
        {
            // What the workload has written there stays as long as the engine has nothing new to say.
            if (!change.Files[i].AsSpan().SequenceEqual(_files[i])) RootAssembly.Rewrite(i, change.Files[i]);
        }

        _files = change.Files;
    }

    public void Dispose()
    {
        _names?.Dispose();
        _cards.Dispose();
    }

    private void StartNameserver()
    {
        _names = new DnsListener(_loop, _questions.WriteAsync);
        _names.Open();
        _serving.Add(ServeNamesAsync(_names, _questions));
    }

    // Lives as long as the stream; the machine ends with the workload, not with this.
    private async Task ServeNamesAsync(DnsListener listener, Channel questions)
    {
        try
        {
            await listener.RunAsync(questions.ReadAsync);
        }
        catch (Exception e) when (e is ChannelClosedException or ObjectDisposedException)
        {
            // The machine is ending.
        }
        catch (Exception e) when (e is LinuxException or WireFormatException)
        {
            listener.Dispose();
            await _control.SendAsync(new Notice($"names no longer resolve by way of the host: {e.Message}"));
        }
    }
}
