using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Host;

/// <summary>Messages to and from the host on channel 0.</summary>
internal sealed class ControlChannel(Channel channel)
{
    private readonly MessageReader _reader = new(channel.ReadAsync);
    private readonly MessageSender _sender = new(channel, MessageReader.MaxLengthOfGuest);
    private readonly Pulse _released = new();
    private bool _isHeld;
    private int _session;

    internal async Task<Setup> ReceiveSetupAsync()
    {
        ReceivedMessage message = await ReceiveAsync()
            ?? throw new InvalidDataException("the host ended the stream before it said what to run");
        return message.Kind == MessageKind.Setup ? message.Read<Setup>()
            : throw new WireFormatException($"the host sent message {(byte)message.Kind} where it owes the set-up");
    }

    internal ValueTask<ReceivedMessage?> ReceiveAsync() => _reader.ReadAsync();

    internal Task SendAsync<T>(T message)
        where T : IMessage<T>
        => _isHeld ? SendLaterAsync(message) : _sender.SendAsync(message);

    /// <summary>Sends the last word before a pause. All others wait until <see cref="Release"/>.</summary>
    /// <param name="last">that word</param>
    /// <param name="through">is called when it is in the stream's queue</param>
    internal Task HoldAsync(Held last, Action through)
    {
        _isHeld = true;
        return _sender.SendAsync(last, through);
    }

    /// <summary>Speaks to another host, to which most that waits would mean nothing: that is dropped.</summary>
    internal Task GreetAsync(Hello hello)
    {
        _session++;
        return _sender.SendAsync(hello);
    }

    /// <summary>Sends what waits.</summary>
    internal void Release()
    {
        _isHeld = false;
        _released.Set();
    }

    private async Task SendLaterAsync<T>(T message)
        where T : IMessage<T>
    {
        int session = _session;
        while (_isHeld) await _released.WaitAsync();
        if (session == _session || IsForAnyHost(message)) await _sender.SendAsync(message);
    }

    // All else is about a process or a question of the host that asked.
    private static bool IsForAnyHost<T>(T message)
        => message is Notice or Listening or Failed or Stopped or Exited { Id: Start.Workload };
}
