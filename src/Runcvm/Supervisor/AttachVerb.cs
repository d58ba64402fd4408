using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>`runcvm attach NUMBER`: what runc runs in the sandbox for an exec, which it was handed on as an open file
/// of that number. It hands its streams to the supervisor, forwards signals, and ends with the code of the process in
/// the guest.</summary>
internal static class AttachVerb
{
    internal static int Run(string number)
    {
        CurrentProcess.IgnoreBrokenPipes();
        SuperviseVerb.BlockSignals("attach", number);
        try
        {
            byte[] process = Read(number);
            using var loop = new EventLoop();
            return loop.Run(() => RunAsync(loop, process));
        }
        catch (Exception e) when (e is LinuxException or WireFormatException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"runcvm: the machine cannot run the process: {Reason.Of(e)}");
            return SuperviseVerb.MachineFailed;
        }
    }

    private static byte[] Read(string number)
    {
        using SafeFileHandle file = Inherited(number);
        return FileDescriptor.ReadToEnd(file);
    }

    /// <summary>The open file that was handed on under this number.</summary>
    /// <exception cref="WireFormatException">it is no number</exception>
    internal static SafeFileHandle Inherited(string number)
        => int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int descriptor)
            ? FileDescriptor.Inherited(descriptor)
            : throw new WireFormatException($"'{number}' is no open file; this is what RunCVM's own parts call");

    private static async Task<int> RunAsync(EventLoop loop, byte[] process)
    {
        using var signals = new AsyncFile(loop, SignalSet.OpenForwarded());
        using AsyncFile supervisor = Connect(loop, process);
        Task forwarding = ForwardSignalsAsync(signals, supervisor);
        ReceivedMessage? answer = await StandInVerb.AnswerAsync(supervisor);
        signals.Dispose();
        await forwarding;
        // What still ran in the machine was killed with it, as an exec is with its container.
        if (answer is not { } end) return ExitStatus.ShellCodeOf(SignalNumber.Kill);
        return end.Kind == MessageKind.Exited ? end.Read<Exited>().Code : Tell(end.Read<StartFailed>());
    }

    /// <summary>Says why the process did not start, in runc's words.</summary>
    /// <returns>the code to end with</returns>
    internal static int Tell(StartFailed failure)
    {
        Console.Error.WriteLine($"OCI runtime exec failed: exec failed: {failure.Message}");
        return failure.Code;
    }

    private static AsyncFile Connect(EventLoop loop, byte[] process)
    {
        // An exec may come a moment after the start, before the supervisor takes connections; then it waits in the
        // socket.
        SafeFileHandle socket = UnixSocket.Connect(MachineFolder.InSandbox.ControlSocket);
        byte[] message = MessageReader.Frame(MessageKind.Start, process);
        // The files travel with the first byte; the rest may be longer than the socket's buffer.
        UnixSocket.SendWithFiles(socket, message.AsSpan(0, 1), StandardFiles());
        FileDescriptor.WriteAll(socket, message.AsSpan(1));
        return AsyncFile.NonBlocking(loop, socket);
    }

    internal static async Task ForwardSignalsAsync(AsyncFile signals, AsyncFile supervisor)
    {
        try
        {
            // The window may have changed between the engine's look at it and now.
            await supervisor.SendAsync(new Resize(0, 0, 0));
            while (true)
            {
                await signals.ReadableAsync();
                for (int number; (number = SignalSet.TryTake(signals.Handle)) != 0;)
                {
                    if (number == SignalNumber.Child) continue;
                    if (number == SignalNumber.WindowChanged) await supervisor.SendAsync(new Resize(0, 0, 0));
                    else await supervisor.SendAsync(new Signal(0, (byte)number));
                }
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or LinuxException { Errno: Errno.EPIPE or Errno.ECONNRESET })
        {
            // The process has ended.
        }
    }

    /// <summary>Standard input, output and error.</summary>
    internal static SafeFileHandle[] StandardFiles()
        => [.. Enumerable.Range(0, 3).Select(static number => new SafeFileHandle(number, ownsHandle: false))];
}
