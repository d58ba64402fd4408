using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;
using Runcvm.Linux.Processes;

namespace Runcvm.Linux.Events;

/// <summary>A file in non-blocking mode whose readiness is awaited on an <see cref="EventLoop"/>. One reader and one
/// writer at a time.</summary>
public sealed class AsyncFile : IDisposable
{
    private readonly EventLoop _loop;
    private readonly long _id;
    private readonly bool _canWait;
    private TaskCompletionSource? _reader;
    private TaskCompletionSource? _writer;
    private bool _readable;
    private bool _writable;
    private bool _disposed;

    /// <summary>Takes over <paramref name="handle"/>, which must be in non-blocking mode already.</summary>
    public AsyncFile(EventLoop loop, SafeFileHandle handle)
    {
        _loop = loop;
        Handle = handle;
        _id = loop.Register(this, handle, out _canWait);
    }

    /// <summary>The file itself.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Takes over a file that nobody shares, and puts it into non-blocking mode.</summary>
    public static AsyncFile NonBlocking(EventLoop loop, SafeFileHandle handle)
    {
        FileDescriptor.SetNonBlocking(handle);
        return new AsyncFile(loop, handle);
    }

    /// <summary>Opens the same pipe, terminal or device once more, without blocking, so that whoever shares the original
    /// does not find its mode changed. Where that is impossible (sockets) the original's mode is changed. A regular file, which never
    /// blocks, is shared: opened once more it would begin at its beginning.</summary>
    public static AsyncFile Reopen(EventLoop loop, SafeFileHandle original, bool forWriting, bool forReading)
    {
        if (FileStatus.TryOf(FileDescriptor.PathOf(original), followLinks: true) is { Kind: FileKind.Regular })
            return new AsyncFile(loop, FileDescriptor.Duplicate(original));
        OpenFlags access = (forWriting, forReading) switch
        {
            (true, true) => OpenFlags.ReadWrite,
            (true, false) => OpenFlags.WriteOnly,
            _ => OpenFlags.ReadOnly,
        };
        try
        {
            return new AsyncFile(loop, FileDescriptor.Open(
                FileDescriptor.PathOf(original), access | OpenFlags.NonBlocking | OpenFlags.NoControllingTerminal));
        }
        catch (LinuxException)
        {
            SafeFileHandle copy = FileDescriptor.Duplicate(original);
            FileDescriptor.SetNonBlocking(copy);
            return new AsyncFile(loop, copy);
        }
    }

    /// <summary>Reads what is there, at least one byte. 0 at the end.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer)
    {
        while (true)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            int n = FileDescriptor.TryRead(Handle, buffer.Span);
            if (n >= 0) return n;
            await ReadableAsync();
        }
    }

    /// <summary>Writes all of it.</summary>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            int n = FileDescriptor.TryWrite(Handle, buffer.Span);
            if (n >= 0) buffer = buffer[n..];
            else await WritableAsync();
        }
    }

    /// <summary>Writes a datagram, which may be empty.</summary>
    public async ValueTask WriteDatagramAsync(ReadOnlyMemory<byte> datagram)
    {
        while (true)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (FileDescriptor.TryWrite(Handle, datagram.Span) >= 0) return;
            await WritableAsync();
        }
    }

    /// <summary>Ends when the file may have something to read. May end without; try again then.</summary>
    public Task ReadableAsync()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_readable || !_canWait)
        {
            _readable = false;
            return Task.CompletedTask;
        }

        _reader = new TaskCompletionSource();
        return _reader.Task;
    }

    /// <summary>Makes the reader try again now, without waiting for the next event.</summary>
    public void Prod() => Wake(ref _reader, ref _readable);

    /// <summary>Ends when the file may take something. May end without; try again then.</summary>
    public Task WritableAsync()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_writable || !_canWait)
        {
            _writable = false;
            return Task.CompletedTask;
        }

        _writer = new TaskCompletionSource();
        return _writer.Task;
    }

    /// <summary>Waits for a child's end and takes its status.</summary>
    public static async Task<ExitStatus> WaitForExitAsync(EventLoop loop, ChildProcess child)
    {
        using var pidFd = new AsyncFile(loop, FileDescriptor.Duplicate(child.PidFd));
        await pidFd.ReadableAsync();
        return child.Wait();
    }

    /// <summary>Closes the file. Whoever waits for it gets an <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _loop.Unregister(_id, Handle);
        Handle.Dispose();
        var gone = new ObjectDisposedException(nameof(AsyncFile));
        _reader?.TrySetException(gone);
        _writer?.TrySetException(gone);
    }

    internal void Ready(uint events)
    {
        const uint Ended = Libc.EPOLLERR | Libc.EPOLLHUP | Libc.EPOLLRDHUP;
        if ((events & (Libc.EPOLLIN | Libc.EPOLLPRI | Ended)) != 0) Wake(ref _reader, ref _readable);
        if ((events & (Libc.EPOLLOUT | Libc.EPOLLERR | Libc.EPOLLHUP)) != 0) Wake(ref _writer, ref _writable);
    }

    private static void Wake(ref TaskCompletionSource? waiter, ref bool flag)
    {
        TaskCompletionSource? waiting = waiter;
        waiter = null;
        if (waiting == null) flag = true;
        else waiting.SetResult();
    }
}
