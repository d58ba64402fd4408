using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Shares;
using Runcvm.Protocol.Wire;
using Runcvm.VirtioFs;

namespace Runcvm.FileServing;

/// <summary>Serves the machine's shares, on threads of its own. The
/// thread that receives a request answers it itself; one that may wait for a disk only after it has given the stream to another
/// thread. So none waits for another, and threads change only where they have to.</summary>
internal sealed class ShareServer
{
    /// <summary>Requests that wait for a disk at the same time; each thread has a buffer for the longest reply.</summary>
    private const int MostThreads = 16;

    private const int ThreadStack = 1024 * 1024;

    private readonly Lock _reading = new();
    private readonly Action<FileServingFailure> _failed;
    private readonly FileServer[] _servers;
    private readonly RingServer _rings;
    private ShareReceiver? _receiver;
    private ShareSender? _sender;
    private bool _hasDevice;
    private bool _hasRoots;
    private int _threads;
    private int _waiting;

    /// <summary>Opens the shares.</summary>
    /// <param name="order">what is served</param>
    /// <param name="failed">is told why no share can be served any more, once or more often, on any thread</param>
    internal ShareServer(FileServingOrder order, Action<FileServingFailure> failed)
    {
        _failed = failed;
        var limit = NodeLimit.Of(order.MemoryBytes);
        _servers = [.. order.Roots.Select((root, number) => new FileServer(
            root, order.Cache, limit, reply => AnswerLater((ushort)number, reply), order.Roots.Count) { ActsAsCaller = order.Identity.IsCallers })];
        var all = new FileServer(order.Roots, order.Cache, limit, AnswerLater) { ActsAsCaller = order.Identity.IsCallers };
        _rings = new RingServer(all, e => Fail("in the rings of the shares", e)) { LockWait = TellOfLockWait };
    }

    /// <summary>Begins to answer what comes over the stream.</summary>
    internal void ServeStream(SafeFileHandle file)
    {
        if (_sender != null) throw new WireFormatException("a second stream of the shares");
        var stream = new WaitingFile(file);
        _receiver = new ShareReceiver(stream.Read);
        _sender = new ShareSender(stream.Write);
        _threads = 1;
        Run(Work);
    }

    /// <summary>Begins to answer what comes through the rings of a device. The stream, over which their waits for locks
    /// are told, is there.</summary>
    internal void ServeDevice(SafeFileHandle file)
    {
        if (_sender == null || _hasDevice) throw new WireFormatException("a device of the shares out of turn");
        _hasDevice = true;
        Run(() => Serve(file));
    }

    /// <summary>Begins to take and to give up roots of the device, as the supervisor says.</summary>
    internal void ServeRoots(SafeFileHandle file)
    {
        if (_hasRoots) throw new WireFormatException("a second socket of passing roots");
        _hasRoots = true;
        Run(() =>
        {
            try
            {
                PassingRoots.Serve(file, _rings.Files);
            }
            catch (Exception e)
            {
                Fail("in the supervisor's words of roots", e);
            }
        });
    }

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

    private void Serve(SafeFileHandle device)
    {
        try
        {
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
        // When the hypervisor is gone, whoever runs the machine reports that. Any other end would be a share that
        // hangs, and is told.
        if (e is ObjectDisposedException or LinuxException { Errno: Errno.EPIPE or Errno.ECONNRESET }) return;
        _failed(e is WireFormatException or BrokenRequestException or BrokenRingException
            ? new FileServingFailure(true, $"{where}: {e.Message}")
            : new FileServingFailure(false, $"the file server failed: {e.Message}"));
    }

    // The next request that another thread should not wait for. The others are answered here: to wake a thread takes
    // longer.
    private ShareMessage? TryReceive(byte[] reply)
    {
        Interlocked.Increment(ref _waiting);
        lock (_reading)
        {
            Interlocked.Decrement(ref _waiting);
            ShareMessage? message;
            while ((message = _receiver!.Receive()) is { } quick && !FileServer.MayTakeLong(quick.Span)) Answer(quick, reply);
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
        if (length > 0) _sender!.Send(share, reply.AsSpan(0, ShareFrame.Size + length));
    }

    // An answer that was long in coming: a lock of a file that somebody else held.
    private void AnswerLater(ushort share, ReadOnlyMemory<byte> reply)
    {
        byte[] room = new byte[ShareFrame.Size + reply.Length];
        reply.Span.CopyTo(room.AsSpan(ShareFrame.Size));
        try
        {
            _sender!.Send(share, room);
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
            _sender!.Send(ShareFrame.Rings, room);
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            // The hypervisor is gone.
        }
    }

    private static void Run(Action work) => new Thread(() => work(), ThreadStack) { IsBackground = true }.Start();
}
