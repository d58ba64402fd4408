using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Boot;

/// <summary>Messages to and from the host on channel 0.</summary>
internal sealed class ControlChannel(Channel channel)
{
    private readonly MessageReader _reader = new(channel.ReadAsync);
    private readonly MessageSender _sender = new(channel, MessageReader.MaxLengthOfGuest);

    internal async Task<Setup> ReceiveSetupAsync()
    {
        (MessageKind kind, byte[] body) = await ReceiveAsync() ?? throw new InvalidDataException("the host ended the stream before it said what to run");
        if (kind != MessageKind.Setup) throw new WireFormatException($"the host sent message {(byte)kind} where it owes the set-up");
        var reader = new WireReader(body);
        Setup setup = Setup.Read(ref reader);
        reader.End();
        return setup;
    }

    internal ValueTask<(MessageKind Kind, byte[] Body)?> ReceiveAsync() => _reader.ReadAsync();

    internal Task SendAsync(Hello m) => SendAsync(MessageKind.Hello, m.Write);

    internal Task SendAsync(Notice m) => SendAsync(MessageKind.Notice, m.Write);

    internal Task SendAsync(Listening m) => SendAsync(MessageKind.Listening, m.Write);

    internal Task SendAsync(Failed m) => SendAsync(MessageKind.Failed, m.Write);

    internal Task SendAsync(Started m) => SendAsync(MessageKind.Started, m.Write);

    internal Task SendAsync(StartFailed m) => SendAsync(MessageKind.StartFailed, m.Write);

    internal Task SendAsync(Exited m) => SendAsync(MessageKind.Exited, m.Write);

    internal Task SendAsync(DialSocket m) => SendAsync(MessageKind.DialSocket, m.Write);

    internal Task SendAsync(KernelLog m) => SendAsync(MessageKind.KernelLog, m.Write);

    internal Task SendAsync(Flushed m) => SendAsync(MessageKind.Flushed, m.Write);

    internal Task SendStoppedAsync() => SendAsync(MessageKind.Stopped, static _ => { });

    private Task SendAsync(MessageKind kind, Action<WireWriter> write) => _sender.SendAsync(kind, write);
}
