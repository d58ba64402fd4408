using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Supervisor;

/// <summary>One question to a supervisor on its control socket, from the host's side.</summary>
internal static class ControlQuestion
{
    /// <summary>Asks and waits for the answer; null when none came in time.</summary>
    /// <exception cref="WireFormatException">the connection ended, or something else was said</exception>
    internal static TAnswer? Ask<TQuestion, TAnswer>(SafeFileHandle socket, TQuestion question, TimeSpan patience)
        where TQuestion : IMessage<TQuestion>
        where TAnswer : class, IMessage<TAnswer>
    {
        using var loop = new EventLoop();
        return loop.Run(async () =>
        {
            using var file = new AsyncFile(loop, socket);
            using var answered = new CancellationTokenSource();
            Task<bool> timeout = loop.DelayAsync(patience, answered.Token);
            await file.SendAsync(question);
            Task<ReceivedMessage?> reply = new MessageReader(file.ReadAsync).ReadAsync().AsTask();
            if (await Task.WhenAny(reply, timeout) != reply) return null;
            answered.Cancel();
            return (await reply ?? throw new WireFormatException("there was no answer")).Read<TAnswer>();
        });
    }

    /// <summary>Sends what has no answer. A supervisor that is paused finds it when it goes on.</summary>
    internal static void Tell<T>(SafeFileHandle socket, T message)
        where T : IMessage<T>
    {
        using var loop = new EventLoop();
        loop.Run(async () =>
        {
            using var file = new AsyncFile(loop, socket);
            await file.SendAsync(message);
            return 0;
        });
    }

    /// <summary>Sends one message, all of it.</summary>
    internal static ValueTask SendAsync<T>(this AsyncFile file, T message)
        where T : IMessage<T>
        => file.WriteAsync(MessageReader.Frame(message));
}
