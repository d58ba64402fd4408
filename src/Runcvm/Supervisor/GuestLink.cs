using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Supervisor;

/// <summary>Messages to and from the guest on channel 0. What comes is hostile until it was read.</summary>
internal sealed class GuestLink(Multiplexer multiplexer)
{
    private readonly Channel _channel = multiplexer.Open(0);
    private MessageReader? _reader;
    private Task _lastSend = Task.CompletedTask;
    private uint _lastId = Start.Workload;

    internal Multiplexer Multiplexer => multiplexer;

    /// <summary>A number for a process or a connection that no other has.</summary>
    internal uint NextId() => ++_lastId;

    internal ValueTask<(MessageKind Kind, byte[] Body)?> ReceiveAsync()
        => (_reader ??= new MessageReader(_channel.ReadAsync, MessageReader.MaxLengthOfGuest)).ReadAsync();

    internal Task SendAsync(MessageKind kind, Action<WireWriter> write)
    {
        var writer = new WireWriter();
        write(writer);
        return SendAsync(MessageReader.Frame(kind, writer.Written));
    }

    /// <summary>Sends a message that is framed already.</summary>
    internal Task SendAsync(byte[] message) => _lastSend = SendAfterAsync(_lastSend, message);

    private async Task SendAfterAsync(Task before, byte[] message)
    {
        await before;
        try
        {
            await _channel.WriteAsync(message);
        }
        catch (ChannelClosedException)
        {
            // The guest is gone, which whoever runs the stream reports.
        }
    }
}
