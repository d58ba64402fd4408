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
    internal static byte[]? Ask(SafeFileHandle socket, MessageKind question, Action<WireWriter> write, MessageKind answer, TimeSpan patience)
    {
        using var loop = new EventLoop();
        return loop.Run(async () =>
        {
            using var file = new AsyncFile(loop, socket);
            using var answered = new CancellationTokenSource();
            Task<bool> timeout = loop.DelayAsync(patience, answered.Token);
            await SendAsync(file, question, write);
            Task<(MessageKind Kind, byte[] Body)?> reply = new MessageReader(file.ReadAsync).ReadAsync().AsTask();
            if (await Task.WhenAny(reply, timeout) != reply) return null;
            answered.Cancel();
            return await reply is var (kind, body) && kind == answer ? body : throw new WireFormatException("there was no answer");
        });
    }

    internal static ValueTask SendAsync(AsyncFile file, MessageKind kind, Action<WireWriter> write)
    {
        var writer = new WireWriter();
        write(writer);
        return file.WriteAsync(MessageReader.Frame(kind, writer.Written));
    }
}
