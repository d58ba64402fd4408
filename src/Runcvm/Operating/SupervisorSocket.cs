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

    // The console that a supervisor keeps is far smaller, and may grow while it is shown.
    private const int MostOfConsole = 1024 * 1024;

    /// <param name="machine">that is asked</param>
    /// <param name="patience">how long it may take to answer, if not as long as usual</param>
    internal static BootReport ReadBootReport(KnownMachine machine, TimeSpan? patience = null)
        => Ask<ReadBootReport, BootReport>(machine, new ReadBootReport(), patience ?? Patience);

    internal static string ReadKernelLog(KnownMachine machine)
        => Ask<ReadKernelLog, KernelLog>(machine, new ReadKernelLog(0), Patience).Text;

    /// <summary>Names that the machine was given addresses for.</summary>
    internal static NamesRead ReadNames(KnownMachine machine)
        => Ask<ReadNames, NamesRead>(machine, new ReadNames(), Patience);

    /// <summary>Tells it of other rules about names.</summary>
    internal static EgressChanged ChangeEgress(KnownMachine machine, ChangeEgress change)
        => Ask<ChangeEgress, EgressChanged>(machine, change, Patience);

    /// <summary>Shows the console's bytes until the machine ends, or, when it is not followed, until all is
    /// shown.</summary>
    internal static void WatchConsole(KnownMachine machine, bool follow, Action<byte[]> show)
    {
        using SafeFileHandle socket = Connect(machine);
        Understood(machine, () => WatchConsole(socket, follow, show, Patience));
    }

    /// <summary>The same on an open connection.</summary>
    /// <param name="socket">to the supervisor</param>
    /// <param name="follow">whether to go on until the machine ends; else a supervisor that goes on and on is listened
    /// to no longer</param>
    /// <param name="show">gets what was said</param>
    /// <param name="patience">how long to wait for the end of what is not followed</param>
    /// <exception cref="WireFormatException">what was said cannot be</exception>
    internal static void WatchConsole(SafeFileHandle socket, bool follow, Action<byte[]> show, TimeSpan patience)
    {
        using var loop = new EventLoop();
        loop.Run(async () =>
        {
            using var file = new AsyncFile(loop, socket);
            using var ended = new CancellationTokenSource();
            Task timeout = follow ? new TaskCompletionSource().Task : loop.DelayAsync(patience, ended.Token);
            await file.SendAsync(new WatchConsole(follow));
            var messages = new MessageReader(file.ReadAsync, MessageReader.SmallLength);
            for (int shown = 0; follow || shown < MostOfConsole;)
            {
                Task<ReceivedMessage?> next = messages.ReadAsync().AsTask();
                if (await Task.WhenAny(next, timeout) != next)
                    throw new UsageException("the console does not come to its end; is the machine paused?");
                if (await next is not { Kind: MessageKind.ConsoleText } part) break;
                show(part.Read<ConsoleText>().Bytes);
                // An empty one counts as well.
                if (!follow) shown += part.Body.Length + 1;
            }

            ended.Cancel();
            return 0;
        });
    }

    private static TAnswer Ask<TQuestion, TAnswer>(KnownMachine machine, TQuestion question, TimeSpan patience)
        where TQuestion : IMessage<TQuestion>
        where TAnswer : class, IMessage<TAnswer>
    {
        using SafeFileHandle socket = Connect(machine);
        return Understood(machine, () => ControlQuestion.Ask<TQuestion, TAnswer>(socket, question, patience)
            ?? throw new UsageException($"machine {machine.ShortId} does not answer; is it paused, or still booting?"));
    }

    private static void Understood(KnownMachine machine, Action talk) => Understood(machine, () =>
    {
        talk();
        return 0;
    });

    // Whoever took a supervisor over says what he likes, or hangs up in the middle of it.
    private static T Understood<T>(KnownMachine machine, Func<T> talk)
    {
        try
        {
            return talk();
        }
        catch (Exception e) when (e is WireFormatException or LinuxException)
        {
            throw new UsageException(
                $"machine {machine.ShortId} gave no answer; it was started by another version of RunCVM, or is ending",
                e);
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
