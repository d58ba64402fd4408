using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Operating;

/// <summary>Questions to a machine's supervisor on its control socket. The answer is the sandbox's word: it is bounded, and
/// cleaned before anybody sees it.</summary>
internal static class SupervisorSocket
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    internal static BootReport ReadBootReport(KnownMachine machine)
    {
        var reader = new WireReader(Ask(machine, MessageKind.ReadBootReport, static _ => { }, MessageKind.BootReport));
        return BootReport.Read(ref reader);
    }

    internal static string ReadKernelLog(KnownMachine machine)
    {
        var reader = new WireReader(Ask(machine, MessageKind.ReadKernelLog, new ReadKernelLog(0).Write, MessageKind.KernelLog));
        return KernelLog.Read(ref reader).Text;
    }

    /// <summary>Shows the console's bytes until the machine ends, or, when it is not followed, until all is shown.</summary>
    internal static void WatchConsole(KnownMachine machine, bool follow, Action<byte[]> show)
    {
        using SafeFileHandle socket = Connect(machine);
        using var loop = new EventLoop();
        loop.Run(async () =>
        {
            using var file = new AsyncFile(loop, socket);
            await SendAsync(file, MessageKind.WatchConsole, new WatchConsole(follow).Write);
            var messages = new MessageReader(file.ReadAsync);
            while (await messages.ReadAsync() is (MessageKind.ConsoleText, var body)) show(TextOf(body));
            return 0;
        });
    }

    private static byte[] TextOf(byte[] body)
    {
        var reader = new WireReader(body);
        return ConsoleText.Read(ref reader).Bytes;
    }

    private static byte[] Ask(KnownMachine machine, MessageKind question, Action<WireWriter> write, MessageKind answer)
    {
        using SafeFileHandle socket = Connect(machine);
        using var loop = new EventLoop();
        return loop.Run(async () =>
        {
            using var file = new AsyncFile(loop, socket);
            using var answered = new CancellationTokenSource();
            Task<bool> timeout = loop.DelayAsync(Patience, answered.Token);
            await SendAsync(file, question, write);
            Task<(MessageKind Kind, byte[] Body)?> reply = new MessageReader(file.ReadAsync).ReadAsync().AsTask();
            if (await Task.WhenAny(reply, timeout) != reply)
                throw new UsageException($"machine {machine.ShortId} does not answer; is it paused, or still booting?");
            answered.Cancel();
            if (await reply is not var (kind, body) || kind != answer)
                throw new UsageException($"machine {machine.ShortId} gave no answer; it was started by another version of RunCVM, or is ending");
            return body;
        });
    }

    private static SafeFileHandle Connect(KnownMachine machine)
    {
        if (machine.ProcessId == null) throw new UsageException($"machine {machine.ShortId} does not run, so there is nobody to ask");
        try
        {
            SafeFileHandle socket = UnixSocket.Connect(machine.Folder.ControlSocket);
            FileDescriptor.SetNonBlocking(socket);
            return socket;
        }
        catch (LinuxException e)
        {
            throw new UsageException($"machine {machine.ShortId} cannot be asked: {e.Message}", e);
        }
    }

    private static ValueTask SendAsync(AsyncFile file, MessageKind kind, Action<WireWriter> write)
    {
        var writer = new WireWriter();
        write(writer);
        return file.WriteAsync(MessageReader.Frame(kind, writer.Written));
    }
}
