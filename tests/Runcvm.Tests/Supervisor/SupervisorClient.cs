using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Tests.Supervisor;

/// <summary>A client of a supervisor's control socket.</summary>
internal sealed class SupervisorClient(EventLoop loop, SafeFileHandle socket) : IDisposable
{
    private readonly AsyncFile _file = AsyncFile.NonBlocking(loop, socket);

    /// <summary>Sends a message, and files with its first byte.</summary>
    internal async Task SendAsync<T>(T message, params IReadOnlyList<SafeFileHandle> files)
        where T : IMessage<T>
    {
        byte[] bytes = MessageReader.Frame(message);
        UnixSocket.SendWithFiles(_file.Handle, bytes.AsSpan(0, 1), [.. files]);
        await _file.WriteAsync(bytes.AsMemory(1));
    }

    /// <summary>Sends bytes that may be no message.</summary>
    internal ValueTask SendBytesAsync(byte[] bytes) => _file.WriteAsync(bytes);

    /// <summary>The next answer; null when the supervisor hangs up.</summary>
    internal async Task<ReceivedMessage?> ReceiveAsync()
    {
        try
        {
            return await new MessageReader(_file.ReadAsync).ReadAsync();
        }
        catch (LinuxException e) when (e.Errno == Errno.ECONNRESET)
        {
            return null;
        }
    }

    public void Dispose() => _file.Dispose();
}
