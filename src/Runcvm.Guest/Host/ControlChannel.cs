using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Host;

/// <summary>Messages to and from the host on channel 0.</summary>
internal sealed class ControlChannel(Channel channel)
{
    private readonly MessageReader _reader = new(channel.ReadAsync);
    private readonly MessageSender _sender = new(channel, MessageReader.MaxLengthOfGuest);

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
        => _sender.SendAsync(message);
}
