using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Oci;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>`runcvm stand-in`: what the low-level runtime runs in place of a process of a pod's container. It has one
/// open file, the connection on which the host has said what is to run; by it that is started, gets signals, and ends
/// when this process does.</summary>
internal static class StandInVerb
{
    internal const string Name = "stand-in";

    /// <param name="arguments">the number of the open file, for a process beside the container's first; else
    /// none</param>
    internal static int Run(IReadOnlyList<string> arguments)
    {
        CurrentProcess.IgnoreBrokenPipes();
        SuperviseVerb.BlockSignals([Name, .. arguments]);
        try
        {
            SafeFileHandle connection = arguments is [var number] ? AttachVerb.Inherited(number)
                : HandedFiles.Take() is [var first, ..] ? first
                : throw new WireFormatException("there is no connection; this is what RunCVM's own parts call");
            using var loop = new EventLoop();
            return loop.Run(() => RunAsync(loop, connection, isFirst: arguments.Count == 0));
        }
        catch (Exception e) when (e is LinuxException or WireFormatException)
        {
            Console.Error.WriteLine($"runcvm: the pod's machine cannot run the process: {Reason.Of(e)}");
            return SuperviseVerb.MachineFailed;
        }
    }

    private static async Task<int> RunAsync(EventLoop loop, SafeFileHandle connection, bool isFirst)
    {
        using var signals = new AsyncFile(loop, SignalSet.OpenForwarded());
        using AsyncFile supervisor = AsyncFile.NonBlocking(loop, connection);
        byte[] start = MessageReader.Frame(MessageKind.Start, []);
        UnixSocket.SendWithFiles(supervisor.Handle, start, AttachVerb.StandardFiles());
        Task forwarding = AttachVerb.ForwardSignalsAsync(signals, supervisor);
        ReceivedMessage? answer = await AnswerAsync(supervisor);
        signals.Dispose();
        await forwarding;
        // As with a container whose sandbox goes: all of it was killed.
        if (answer is not { } message) return 128 + SignalNumber.Kill;
        if (message.Kind != MessageKind.Exited) return AttachVerb.Tell(message.Read<StartFailed>());
        Exited exited = message.Read<Exited>();
        // Engines learn of it from the cgroup, whose limit this exceeds: the kernel kills this process as it would have
        // killed the container.
        if (exited.OutOfMemory && isFirst) CurrentProcess.TouchMemory(StandInSpec.Memory);
        return exited.Code;
    }

    /// <summary>What the supervisor says of the process; null when it has ended, also before it read all that it was
    /// sent.</summary>
    internal static async Task<ReceivedMessage?> AnswerAsync(AsyncFile supervisor)
    {
        try
        {
            return await new MessageReader(supervisor.ReadAsync).ReadAsync();
        }
        catch (LinuxException e) when (e.Errno is Errno.ECONNRESET or Errno.EPIPE)
        {
            return null;
        }
    }
}
