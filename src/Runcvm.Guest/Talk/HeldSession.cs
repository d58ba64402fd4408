using Runcvm.Guest.Host;
using Runcvm.Guest.Network;
using Runcvm.Guest.Processes;
using Runcvm.Linux;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Talk;

/// <summary>The pause in which this machine is saved. It ends in this machine, which goes on as if nothing had been,
/// and in each one that is made of what was saved: there another host speaks, and nothing of the workload runs before
/// it is known who this machine is.</summary>
internal sealed class HeldSession
{
    private readonly Multiplexer _multiplexer;
    private readonly ControlChannel _control;
    private readonly HostTalk _talk;
    private readonly NetworkUpdate _network;
    private readonly PortReporter _ports;
    private readonly StoppedProcesses _stopped = new();
    private Task _greeting = Task.CompletedTask;
    private bool _isWanted;

    internal HeldSession(
        Multiplexer multiplexer, ControlChannel control, HostTalk talk, NetworkUpdate network,
        PortReporter ports)
    {
        _multiplexer = multiplexer;
        _control = control;
        _talk = talk;
        _network = network;
        _ports = ports;
        multiplexer.SpokenTo = TakeWord;
    }

    /// <summary>Gets ready to be saved, and says so.</summary>
    internal async Task BeginAsync()
    {
        _isWanted = true;
        await DiskFlush.RunAsync();
        // The host may have given up meanwhile.
        if (!_isWanted)
        {
            await _control.SendAsync(new Held("the host gave it up"));
            return;
        }

        string failure = "";
        try
        {
            _stopped.Stop();
        }
        catch (Exception e) when (e is LinuxException or IOException or InvalidDataException)
        {
            failure = e.Message;
        }

        await _control.HoldAsync(new Held(failure), _multiplexer.Hold);
    }

    /// <summary>Takes over who this machine is, and lets what was saved go on.</summary>
    internal async Task AdoptAsync(Adopt adopt)
    {
        try
        {
            await _greeting;
            // Before all else: what draws random numbers from here on draws others than its twins.
            Linux.Machine.AddEntropy(adopt.Entropy);
            _talk.Clock.Set(adopt.Clock);
            Linux.Machine.SetHostName(adopt.HostName);
            Linux.Machine.SetDomainName(adopt.DomainName);
            IReadOnlyList<string> notices = _network.Adopt(adopt.Network);
            _multiplexer.Resume();
            _control.Release();
            await _control.SendAsync(new Started(Start.Workload));
            foreach (string notice in notices) await _control.SendAsync(new Notice(notice));
            _ports.BeginAnew();
            _stopped.Continue();
        }
        catch (Exception e) when (e is LinuxException or IOException or InvalidDataException)
        {
            _control.Release();
            await _control.SendAsync(new Failed(e.Message));
        }
    }

    private void TakeWord(bool isNew)
    {
        _isWanted = false;
        if (isNew)
        {
            _multiplexer.Renew(IsKept);
            _talk.ForgetOthers();
            _greeting = _control.GreetAsync(Greeting.Of(milliseconds: 0));
            return;
        }

        _multiplexer.Release();
        _control.Release();
        _stopped.Continue();
    }

    // Messages, and the workload's streams.
    private static bool IsKept(uint channel)
        => channel == Start.ControlChannel
        || (channel >= Start.ChannelOf(Start.Workload, 0) && channel <= Start.ChannelOf(Start.Workload, 2));
}
