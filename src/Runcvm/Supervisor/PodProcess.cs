using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Supervisor;

/// <summary>A process of a pod's container as the supervisor knows it: the guest's words of it come here.</summary>
/// <param name="link">to the guest</param>
/// <param name="id">its number</param>
internal sealed class PodProcess(GuestLink link, uint id)
{
    private readonly TaskCompletionSource<StartFailed?> _prepared = new();
    private readonly TaskCompletionSource _started = new();
    private readonly TaskCompletionSource<ProcessEnd> _ended = new();
    private readonly TaskCompletionSource _removed = new();

    private bool _hasEnded;

    internal uint Id { get; } = id;

    /// <summary>Of its container.</summary>
    internal PodChanges Changes { get; } = new(link, id);

    /// <summary>The streams, once it was to be started.</summary>
    internal ProcessSession? Session { get; set; }

    /// <summary>Ends when it waits before its program; else with why it does not.</summary>
    internal Task<StartFailed?> Prepared => _prepared.Task;

    /// <summary>Ends when its program runs.</summary>
    internal Task Started => _started.Task;

    /// <summary>Ends with it, when all that it wrote is with the reader.</summary>
    internal Task<ProcessEnd> Ended => _ended.Task;

    /// <summary>Ends when nothing is left of its container.</summary>
    internal Task Removed => _removed.Task;

    /// <summary>Takes what the guest says.</summary>
    /// <exception cref="WireFormatException">it cannot say that now</exception>
    internal async Task TakeAsync(ReceivedMessage message)
    {
        switch (message.Kind)
        {
            case MessageKind.Prepared when Session == null:
                _ = message.Read<Prepared>();
                _prepared.TrySetResult(null);
                break;
            case MessageKind.StartFailed when Session == null:
                _prepared.TrySetResult(Failure(message));
                break;
            case MessageKind.Started when Session != null:
                _ = message.Read<Started>();
                _started.TrySetResult();
                break;
            case MessageKind.StartFailed or MessageKind.Exited when Session != null:
                ProcessEnd end = message.Kind == MessageKind.Exited ? End(message.Read<Exited>())
                    : End(Failure(message));
                if (_hasEnded) throw new WireFormatException($"it said twice that process {Id} has ended");
                _hasEnded = true;
                await Session.CompleteAsync(end);
                _ended.TrySetResult(end);
                break;
            case MessageKind.Changed:
                Changes.Take(message.Read<Changed>());
                break;
            case MessageKind.Removed:
                _ = message.Read<Removed>();
                _removed.TrySetResult();
                break;
            default:
                throw new WireFormatException($"it sent message {(byte)message.Kind} about process {Id} out of turn");
        }
    }

    private static ProcessEnd End(StartFailed failure) => new(failure.Code, failure.Message);

    private static ProcessEnd End(Exited exited) => new(exited.Code) { OutOfMemory = exited.OutOfMemory };

    private static StartFailed Failure(ReceivedMessage message)
    {
        StartFailed failure = message.Read<StartFailed>();
        return failure with { Message = TextRing.Printable(failure.Message) };
    }
}
