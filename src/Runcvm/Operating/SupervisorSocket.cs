using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Supervisor;

namespace Runcvm.Operating;

/// <summary>Questions to a machine's supervisor on its control socket. The answer is the sandbox's word: it is bounded, and
/// cleaned before anybody sees it.</summary>
internal static class SupervisorSocket
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <param name="machine">that is asked</param>
    /// <param name="patience">how long it may take to answer, if not as long as usual</param>
    internal static BootReport ReadBootReport(KnownMachine machine, TimeSpan? patience = null)
    {
        var reader =
            new WireReader(Ask(machine, MessageKind.ReadBootReport, static _ => { }, MessageKind.BootReport, patience));
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
            await ControlQuestion.SendAsync(file, MessageKind.WatchConsole, new WatchConsole(follow).Write);
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

    private static byte[] Ask(KnownMachine machine, MessageKind question, Action<WireWriter> write, MessageKind answer,
        TimeSpan? patience = null)
    {
        using SafeFileHandle socket = Connect(machine);
        try
        {
            return ControlQuestion.Ask(socket, question, write, answer, patience ?? Patience)
                ?? throw new UsageException($"machine {machine.ShortId} does not answer; is it paused, or still booting?");
        }
        catch (WireFormatException e)
        {
            throw new UsageException($"machine {machine.ShortId} gave no answer; it was started by another version of RunCVM, or is ending", e);
        }
    }

    private static SafeFileHandle Connect(KnownMachine machine)
    {
        if (machine.ProcessId == null) throw new UsageException($"machine {machine.ShortId} does not run, so there is nobody to ask");
        try
        {
            return machine.Folder.Connect();
        }
        catch (LinuxException e)
        {
            throw new UsageException($"machine {machine.ShortId} cannot be asked: {e.Message}", e);
        }
    }
}
