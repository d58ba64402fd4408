using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Supervisor;

/// <summary>A client of the supervisor that may bring a process: its first message, which may be long, the files that
/// come with it, and what it asks for later, which is short. It may be hostile.</summary>
internal sealed class ClientConnection : IDisposable
{
    private readonly AsyncFile _client;
    private readonly Turns.Turn _large;
    private readonly int _mostFiles;
    private readonly MessageReader _messages;
    private bool _isLater;

    /// <param name="client">closed with this</param>
    /// <param name="large">for one turn of which a long first message waits</param>
    /// <param name="mostFiles">that it may bring</param>
    internal ClientConnection(AsyncFile client, Turns large, int mostFiles)
    {
        _client = client;
        _large = large.NotYet();
        _mostFiles = mostFiles;
        _messages = new MessageReader(
            ReceiveAsync,
            admit: length => _isLater ? throw new WireFormatException($"a request has {length} bytes")
                : _large.TakeAsync());
    }

    /// <summary>What it has brought. Those that are left are closed with this.</summary>
    internal List<SafeFileHandle> Files { get; } = [];

    /// <summary>The next message; null when it has hung up.</summary>
    internal ValueTask<ReceivedMessage?> ReadAsync() => _messages.ReadAsync();

    internal ValueTask SendAsync<T>(T message)
        where T : IMessage<T>
        => _client.SendAsync(message);

    /// <summary>The first message is done with: another client may bring a long one, and this one may not.</summary>
    internal void EndFirst()
    {
        _isLater = true;
        _large.Dispose();
    }

    /// <summary>Passes on what it asks for, until it hangs up or this is closed.</summary>
    internal async Task TakeRequestsAsync(ProcessSession session)
    {
        try
        {
            while (await ReadAsync() is { } message)
            {
                if (message.Kind == MessageKind.Signal)
                    await session.SignalAsync(message.Read<Signal>().CheckedNumber());
                else if (message.Kind == MessageKind.Resize) await session.ResizeAsync();
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or LinuxException or WireFormatException)
        {
            // The client is gone, as at the end.
        }
    }

    /// <summary>Tells it how its process ended.</summary>
    internal ValueTask ReportAsync(uint id, ProcessEnd end)
        => end.Failure == null ? SendAsync(new Exited(id, (byte)end.Code, end.OutOfMemory))
            : SendAsync(new StartFailed(id, (byte)end.Code, end.Failure));

    /// <summary>Hangs up. What it has brought stays open.</summary>
    internal void Close() => _client.Dispose();

    public void Dispose()
    {
        Close();
        _large.Dispose();
        CloseFiles();
    }

    /// <summary>Closes what it has brought.</summary>
    internal void CloseFiles()
    {
        foreach (SafeFileHandle file in Files) file.Dispose();
        Files.Clear();
    }

    private async ValueTask<int> ReceiveAsync(Memory<byte> buffer)
    {
        int n;
        while ((n = UnixSocket.TryReceiveWithFiles(_client.Handle, buffer.Span, Files)) < 0)
            await _client.ReadableAsync();
        return Files.Count <= _mostFiles ? n : throw new WireFormatException($"{Files.Count} files came");
    }
}
