using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Supervisor;

/// <summary>Messages to and from the guest on channel 0. What comes is hostile until it was read.</summary>
internal sealed class GuestLink
{
    private readonly MessageReader _reader;
    private readonly MessageSender _sender;
    private uint _lastId = Start.Workload;

    internal GuestLink(Multiplexer multiplexer)
    {
        Multiplexer = multiplexer;
        Channel channel = multiplexer.Open(Start.ControlChannel);
        _reader = new MessageReader(channel.ReadAsync, MessageReader.MaxLengthOfGuest);
        _sender = new MessageSender(channel, MessageReader.MaxLength);
    }

    internal Multiplexer Multiplexer { get; }

    /// <summary>A number for a process or a connection that no other has.</summary>
    internal uint NextId() => ++_lastId;

    internal ValueTask<ReceivedMessage?> ReceiveAsync() => _reader.ReadAsync();

    /// <summary>Ends when the message is on its way, or the guest gone.</summary>
    internal async Task SendAsync<T>(T message)
        where T : IMessage<T>
    {
        try
        {
            await _sender.SendAsync(message);
        }
        catch (ChannelClosedException)
        {
            // The guest is gone, which is reported by the one that runs the stream.
        }
    }

    /// <summary>Has the guest get ready to be saved. Nothing goes to it after that until it is spoken to
    /// again.</summary>
    /// <exception cref="ChannelClosedException">the guest is gone</exception>
    internal Task HoldAsync() => _sender.SendAsync(new Hold(), Multiplexer.Hold);

    /// <summary>Sends a message that tells the guest of channels, and calls <paramref name="open"/>, which opens them,
    /// once all of it is on its way: the guest takes nothing of a channel of which it does not know.</summary>
    /// <exception cref="ChannelClosedException">the guest is gone, and the channels were not opened</exception>
    internal Task AnnounceAsync<T>(T message, Action open)
        where T : IMessage<T>
        => _sender.SendAsync(message, open);
}
