using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Frames;

/// <summary>Sends messages over a channel, whole and one after the other. Each sender waits for its own message, and a
/// message is made when its turn comes. So a side that does not read holds up those who have something to say to it,
/// and no queue of messages grows.</summary>
/// <param name="channel">that carries them</param>
/// <param name="maxLength">the longest message that the other side takes</param>
public sealed class MessageSender(Channel channel, int maxLength)
{
    private readonly Queue<Waiting> _waiting = new();
    private Task _sending = Task.CompletedTask;
    private bool _isSending;

    /// <summary>How many wait for their turn.</summary>
    public int Count => _waiting.Count;

    /// <summary>Ends when all of the message is in the stream's queue: what is sent on any channel from then on comes
    /// after it.</summary>
    /// <param name="message">is written when its turn comes</param>
    /// <param name="through">is called at that moment, before anything else can be sent or received; opens the channels
    /// that the message announces</param>
    /// <exception cref="ChannelClosedException">the other side wants no more messages, or is gone</exception>
    /// <exception cref="WireFormatException">the message is longer than the other side takes</exception>
    public Task SendAsync<T>(T message, Action? through = null)
        where T : IMessage<T>
        => SendAsync(T.Kind, message.Write, through);

    internal Task SendAsync(MessageKind kind, Action<WireWriter> write, Action? through = null)
    {
        var message = new Waiting(kind, write, through);
        _waiting.Enqueue(message);
        if (!_isSending) _sending = SendAllAsync();
        return message.Sent.Task;
    }

    // Never fails itself: each message's fate is its sender's to know.
    private async Task SendAllAsync()
    {
        _isSending = true;
        while (_waiting.TryDequeue(out Waiting? next))
        {
            try
            {
                await channel.WriteAsync(Frame(next));
                next.Through?.Invoke();
            }
            catch (Exception e)
            {
                next.Sent.SetException(e);
                continue;
            }

            next.Sent.SetResult();
        }

        _isSending = false;
    }

    private byte[] Frame(Waiting message)
    {
        var writer = new WireWriter();
        message.Write(writer);
        MessageReader.CheckLength(writer.Written.Length, maxLength);
        return MessageReader.Frame(message.Kind, writer.Written);
    }

    private sealed record Waiting(MessageKind Kind, Action<WireWriter> Write, Action? Through)
    {
        internal TaskCompletionSource Sent { get; } = new();
    }
}
