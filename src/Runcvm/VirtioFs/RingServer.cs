using System.Buffers.Binary;
using Runcvm.Fuse;

namespace Runcvm.VirtioFs;

/// <summary>Answers what is in the rings. The thread that takes requests answers those itself that are done in no time,
/// because waking another one costs more than they do; before one that may wait for a disk it lets another thread lead.</summary>
internal sealed class RingServer
{
    /// <summary>FORGET comes through the first ring, everything else through the second; virtio 1.2, 5.11.2.</summary>
    internal const int Rings = 2;

    /// <summary>Requests that wait for a disk at the same time; each thread has buffers for the longest request and reply.</summary>
    private const int MostThreads = 16;

    private const int ThreadStack = 1024 * 1024;

    private readonly FileServer _files;
    private readonly Action<Exception> _failed;
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, (Ring Ring, RunningRing Running, RingAnswer Place)> _waiting = [];
    private int _threads;
    private int _idle;

    /// <param name="files">what is served</param>
    /// <param name="failed">takes the reason why nothing can be served any more</param>
    internal RingServer(FileServer files, Action<Exception> failed)
    {
        _files = files;
        _failed = failed;
        All = [new Ring(), new Ring()];
    }

    internal Ring[] All { get; }

    /// <summary>What is served.</summary>
    internal FileServer Files => _files;

    /// <summary>A request waits for a lock (its number, the guest's thread that asks), or does so no more (0 as thread). The
    /// guest's kernel cannot tell of signals through the rings.</summary>
    internal Action<ulong, uint>? LockWait { get; set; }

    /// <summary>Starts the threads, which are what the calling one is.</summary>
    internal void Start()
    {
        foreach (Ring ring in All) StartThread(ring);
    }

    /// <summary>The answer to a request that had to wait.</summary>
    internal void AnswerLater(ReadOnlySpan<byte> answer)
    {
        ulong unique = BinaryPrimitives.ReadUInt64LittleEndian(answer[8..]);
        if (!Forget(unique, out (Ring Ring, RunningRing Running, RingAnswer Place) waiting)) return;
        waiting.Ring.HandBackLater(waiting.Running, waiting.Place, answer);
        LockWait?.Invoke(unique, 0);
    }

    /// <summary>A FUSE_INTERRUPT that came another way.</summary>
    internal void Interrupt(ReadOnlySpan<byte> request)
    {
        Span<byte> reply = stackalloc byte[256];
        int length = _files.Handle(request, reply);
        if (length > 0) AnswerLater(reply[..length]);
    }

    private void Work(Ring ring)
    {
        var request = new RingRequest();
        byte[] reply = GC.AllocateUninitializedArray<byte>(FileServer.MaxReply);
        try
        {
            while (true)
            {
                RunningRing running;
                Interlocked.Increment(ref _idle);
                lock (ring.Leading)
                {
                    Interlocked.Decrement(ref _idle);
                    running = ring.Take(request);
                    while (!FileServer.MayTakeLong(request.Bytes))
                    {
                        Answer(ring, running, request, reply);
                        running = ring.Take(request);
                    }

                    if (Volatile.Read(ref _idle) == 0 && _threads < MostThreads) StartThread(ring);
                }

                Answer(ring, running, request, reply);
            }
        }
        catch (Exception e)
        {
            _failed(e);
        }
    }

    private void Answer(Ring ring, RunningRing running, RingRequest request, byte[] reply)
    {
        bool mayWait = request.Operation == FileServer.WaitForLock;
        // Noted first: the answer may come before this call returns.
        if (mayWait) Remember(request.Unique, (ring, running, request.Later()));
        int length = _files.Handle(request.Bytes, reply);
        if (mayWait && length == 0)
        {
            LockWait?.Invoke(request.Unique, request.Thread);
            // The answer may have been faster, and its "no more" was then told too early.
            if (!IsWaiting(request.Unique)) LockWait?.Invoke(request.Unique, 0);
            ring.Leave();
            return;
        }

        if (mayWait) Forget(request.Unique, out _);
        int put = request.Put(running.Memory, reply.AsSpan(0, length));
        ring.HandBack(running, request.Head, put);
    }

    private void Remember(ulong unique, (Ring Ring, RunningRing Running, RingAnswer Place) place)
    {
        lock (_lock)
        {
            foreach (ulong stale in _waiting.Where(static pair => !pair.Value.Ring.IsRunning).Select(static pair => pair.Key).ToArray()) _waiting.Remove(stale);
            if (!_waiting.TryAdd(unique, place)) throw new BrokenRingException($"two requests have the number {unique}");
        }
    }

    private bool Forget(ulong unique, out (Ring Ring, RunningRing Running, RingAnswer Place) place)
    {
        lock (_lock) return _waiting.Remove(unique, out place);
    }

    private bool IsWaiting(ulong unique)
    {
        lock (_lock) return _waiting.ContainsKey(unique);
    }

    private void StartThread(Ring ring)
    {
        Interlocked.Increment(ref _threads);
        new Thread(() => Work(ring), ThreadStack) { IsBackground = true }.Start();
    }
}
