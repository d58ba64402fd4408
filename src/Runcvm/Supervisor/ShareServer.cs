using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Protocol.Shares;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.VirtioFs;

namespace Runcvm.Supervisor;

/// <summary>Serves the machine's shares, on threads of its own which alone in this process may act for other users. The
/// thread that receives a request answers it itself; one that may wait for a disk only after it has given the stream to another
/// thread. So none waits for another, and threads change only where they have to.</summary>
internal sealed class ShareServer
{
    /// <summary>Requests that wait for a disk at the same time; each thread has a buffer for the longest reply.</summary>
    private const int MostThreads = 16;

    private const int ThreadStack = 1024 * 1024;

    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<SafeFileHandle> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _reading = new();
    private readonly TaskCompletionSource<SafeFileHandle> _device = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private FileServer[] _servers = [];
    private RingServer _rings = null!;
    private ShareReceiver _receiver = null!;
    private ShareSender _sender = null!;
    private int _threads;
    private int _waiting;

    private ShareServer()
    {
    }

    /// <summary>Ends, with the reason, when no share can be served any more.</summary>
    internal Task Failed => _failed.Task;

    /// <summary>Starts the first thread, which opens the shares with the capabilities that this thread still has.</summary>
    internal static ShareServer Start(MachineDescription description)
    {
        var server = new ShareServer();
        var opened = new TaskCompletionSource();
        Run(() => server.Begin(description, opened));
        opened.Task.GetAwaiter().GetResult();
        return server;
    }

    /// <summary>Begins to answer what comes through the rings of a device and over the stream.</summary>
    /// <param name="device">to the hypervisor, where it has such a device</param>
    /// <param name="stream">to the guest</param>
    internal async Task ServeAsync(SafeFileHandle? device, Task<SafeFileHandle> stream)
    {
        if (device != null) _device.SetResult(device);
        try
        {
            _stream.SetResult(await stream);
        }
        catch (Exception e) when (e is LinuxException or IOException)
        {
            _failed.TrySetException(e);
        }
    }

    private void Begin(MachineDescription description, TaskCompletionSource opened)
    {
        try
        {
            var kept = CapabilitySet.Of(SandboxSpec.FileServerCapabilities);
            CapabilitySet.Apply(kept, kept, CapabilitySet.Empty);
            var limit = NodeLimit.Of(description.MemoryBytes);
            _servers = [.. description.Shares.Select((share, number) => new FileServer(
                Root(share), (CachePolicy)description.ShareCache, limit, reply => AnswerLater((ushort)number, reply), description.Shares.Count))];
            var all = new FileServer(
                [.. description.Shares.Select(Root)],
                (CachePolicy)description.ShareCache, limit, AnswerLater);
            _rings = new RingServer(all, e => Fail("in the rings of the shares", e)) { LockWait = TellOfLockWait };
        }
        catch (Exception e) when (e is LinuxException or IOException)
        {
            opened.SetException(e);
            return;
        }

        if (!description.IsFirecracker) Run(ServeDevice);
        opened.SetResult();
        var stream = new WaitingFile(_stream.Task.GetAwaiter().GetResult());
        _receiver = new ShareReceiver(stream.Read);
        _sender = new ShareSender(stream.Write);
        _threads = 1;
        Work();
    }

    private static SharedRoot Root(ServedPath share) => new(share.Path, share.ReadOnly, share.Hidden);

    private void Work()
    {
        byte[] reply = new byte[ShareFrame.Size + FileServer.MaxReply];
        try
        {
            while (TryReceive(reply) is { } message) Answer(message, reply);
        }
        catch (Exception e)
        {
            Fail("on the stream of the shares", e);
        }
    }

    private void ServeDevice()
    {
        try
        {
            SafeFileHandle device = _device.Task.GetAwaiter().GetResult();
            _rings.Start();
            new VhostUserDevice(device, _rings).Serve();
        }
        catch (Exception e)
        {
            Fail("in QEMU's vhost-user messages", e);
        }
    }

    private void Fail(string where, Exception e)
    {
        // When the hypervisor is gone, whoever runs the machine reports that. Any other end would be a share that hangs, and is told.
        if (e is ObjectDisposedException or LinuxException { Errno: Errno.EPIPE or Errno.ECONNRESET }) return;
        _failed.TrySetException(e is WireFormatException or BrokenRequestException or BrokenRingException
            ? new WireFormatException($"{where}: {e.Message}")
            : new UsageException($"the file server failed: {e.Message}", e));
    }

    // The next request that another thread should not wait for. The others are answered here: to wake a thread takes longer.
    private ShareMessage? TryReceive(byte[] reply)
    {
        Interlocked.Increment(ref _waiting);
        lock (_reading)
        {
            Interlocked.Decrement(ref _waiting);
            ShareMessage? message;
            while ((message = _receiver.Receive()) is { } quick && !FileServer.MayTakeLong(quick.Span)) Answer(quick, reply);
            // Somebody must be there to read on, at least for the word that a request is to be given up.
            if (message != null && Volatile.Read(ref _waiting) == 0 && _threads < MostThreads)
            {
                _threads++;
                Run(Work);
            }

            return message;
        }
    }

    private void Answer(ShareMessage message, byte[] reply)
    {
        if (message.Share == ShareFrame.Rings)
        {
            if (!FileServer.IsInterrupt(message.Span)) throw new WireFormatException("a request for the rings' shares that is no interruption");
            _rings.Interrupt(message.Span);
            message.Return();
            return;
        }

        if (message.Share >= _servers.Length) throw new WireFormatException($"a request for share {message.Share}, which is not there");
        int length = _servers[message.Share].Handle(message.Span, reply.AsSpan(ShareFrame.Size));
        ushort share = message.Share;
        message.Return();
        if (length > 0) _sender.Send(share, reply.AsSpan(0, ShareFrame.Size + length));
    }

    // An answer that was long in coming: a lock of a file that somebody else held.
    private void AnswerLater(ushort share, ReadOnlyMemory<byte> reply)
    {
        byte[] room = new byte[ShareFrame.Size + reply.Length];
        reply.Span.CopyTo(room.AsSpan(ShareFrame.Size));
        try
        {
            _sender.Send(share, room);
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            // The hypervisor is gone.
        }
    }

    // On the thread that waits for locks as well, where nobody else takes what is thrown.
    private void AnswerLater(ReadOnlyMemory<byte> reply)
    {
        try
        {
            _rings.AnswerLater(reply.Span);
        }
        catch (Exception e)
        {
            Fail("in the rings of the shares", e);
        }
    }

    // Signals do not reach the host through the rings: the guest's init looks whether the thread has one, and says so.
    private void TellOfLockWait(ulong unique, uint thread)
    {
        byte[] room = new byte[ShareFrame.Size + LockWait.Size];
        new LockWait(unique, thread).Write(room.AsSpan(ShareFrame.Size));
        try
        {
            _sender.Send(ShareFrame.Rings, room);
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            // The hypervisor is gone.
        }
    }

    private static void Run(Action work) => new Thread(() => work(), ThreadStack) { IsBackground = true }.Start();
}
