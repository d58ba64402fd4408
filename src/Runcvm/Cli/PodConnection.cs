using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>The host's side of a pod's supervisor: a connection on which it is said what shall run, and which the
/// stand-in of that gets then.</summary>
internal static class PodConnection
{
    // The kernel takes more at a time; the receiver has room for these.
    private const int FilesAtOnce = 8;

    /// <summary>Says what is to run.</summary>
    /// <param name="pod">its machine</param>
    /// <param name="order">what</param>
    /// <param name="files">go with it</param>
    /// <param name="patience">how long an answer may take; null where there is none</param>
    /// <exception cref="UsageException">the pod's machine does not run, or refuses</exception>
    internal static SafeFileHandle Open<T>(
        MachineFolder pod, T order, IReadOnlyList<SafeFileHandle> files, TimeSpan? patience)
        where T : IMessage<T>
    {
        byte[] message = MessageReader.Frame(order);
        if (message.Length >= MessageReader.MaxLength)
            throw new UsageException("the process has too long a command line and environment");
        try
        {
            SafeFileHandle socket = pod.ConnectToPod();
            using var loop = new EventLoop();
            return loop.Run(async () =>
            {
                using var file = new AsyncFile(loop, FileDescriptor.Duplicate(socket));
                Task sending = SendAsync(file, message, files);
                if (patience is { } most) await AwaitAsync(loop, file, sending, most);
                else await sending;
                return socket;
            });
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ECONNREFUSED or Errno.EPIPE or Errno.ECONNRESET)
        {
            throw new UsageException($"the machine of the pod ({pod.Id}) does not run: {e.Message}", e);
        }
    }

    private static async Task SendAsync(AsyncFile file, byte[] message, IReadOnlyList<SafeFileHandle> files)
    {
        int sent = 0;
        foreach (SafeFileHandle[] some in files.Chunk(FilesAtOnce))
            UnixSocket.SendWithFiles(file.Handle, message.AsSpan(sent++, 1), some);
        await file.WriteAsync(message.AsMemory(sent));
    }

    private static async Task AwaitAsync(EventLoop loop, AsyncFile file, Task sending, TimeSpan patience)
    {
        using var answered = new CancellationTokenSource();
        Task<bool> timeout = loop.DelayAsync(patience, answered.Token);
        Task<ReceivedMessage?> answer = AnswerAsync(file, sending);
        if (await Task.WhenAny(answer, timeout) != answer)
            throw new UsageException($"the machine of the pod has not answered for {patience.TotalSeconds} s");
        answered.Cancel();
        if (await answer is not { } message) throw new UsageException("the machine of the pod has ended");
        if (message.Kind == MessageKind.Prepared) return;
        throw new UsageException(message.Read<StartFailed>().Message);
    }

    private static async Task<ReceivedMessage?> AnswerAsync(AsyncFile file, Task sending)
    {
        await sending;
        return await new MessageReader(file.ReadAsync).ReadAsync();
    }
}
