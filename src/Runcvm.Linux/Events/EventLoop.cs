using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Events;

/// <summary>One thread that waits for many files with epoll(7), edge-triggered, and continues whoever awaited one of
/// them. All state reached from its continuations belongs to that thread, so nothing needs a lock.</summary>
public sealed unsafe class EventLoop : IDisposable
{
    private const int BatchSize = 64;
    private const long LongestTurn = 1000;

    private readonly SafeFileHandle _epoll;
    private readonly Dictionary<long, AsyncFile> _files = [];
    private readonly PriorityQueue<Timer, long> _timers = new();
    private readonly ConcurrentQueue<(SendOrPostCallback Callback, object? State)> _posted = new();
    private readonly SafeFileHandle _wakeUp = FileDescriptor.Event();
    private long _nextId = 1;
    private TaskCompletionSource _heldUp = new();

    /// <summary>epoll_create1(2)</summary>
    public EventLoop()
    {
        _epoll = Libc.epoll_create1(Libc.EPOLL_CLOEXEC);
        SystemCall.Check(_epoll.IsInvalid ? -1 : 0, $"make an epoll instance");
        byte* item = stackalloc byte[16];
        *(uint*)item = Libc.EPOLLIN;
        *(long*)(item + Libc.EpollDataOffset) = 0;
        SystemCall.Check(Libc.epoll_ctl(_epoll, Libc.EPOLL_CTL_ADD, _wakeUp, item), $"watch an eventfd");
    }

    /// <summary>Starts <paramref name="main"/>, runs until it has ended, and throws what it threw.</summary>
    public T Run<T>(Func<Task<T>> main)
    {
        // .NET continues the second of two who await one task on a pool thread. With a context of ours it comes back here.
        SynchronizationContext.SetSynchronizationContext(new Context(this));
        Task<T> task = main();
        RunUntilEnded(task);
        return task.GetAwaiter().GetResult();
    }

    /// <summary>Runs until a task that was started before has ended, and throws what it threw.</summary>
    public void Run(Task started)
    {
        // No context here: what was awaited without one would be continued on the pool for want of the same.
        RunUntilEnded(started);
        started.GetAwaiter().GetResult();
    }

    private void RunUntilEnded(Task main)
    {
        byte* events = stackalloc byte[BatchSize * 16];
        RunPosted();
        while (!main.IsCompleted)
        {
            int count = Libc.epoll_wait(_epoll, events, BatchSize, Timeout());
            if (count < 0)
            {
                if (SystemCall.LastError != Errno.EINTR) SystemCall.Check(count, $"wait for events");
                // signal(7): so the wait ends when this process was stopped, or its cgroup frozen, and goes on.
                ReportHeldUp();
                count = 0;
            }

            long woken = Environment.TickCount64;

            for (int i = 0; i < count; i++)
            {
                byte* item = events + (i * Libc.EpollEventSize);
                long id = *(long*)(item + Libc.EpollDataOffset);
                // A continuation that ran before in this batch may have closed the file.
                if (_files.TryGetValue(id, out AsyncFile? file)) file.Ready(*(uint*)item);
            }

            FireTimers();
            RunPosted();
            // Or it was stopped here, where nothing takes so long.
            if (Environment.TickCount64 - woken > LongestTurn) ReportHeldUp();
        }
    }

    /// <summary>Ends when this process may have been stopped and goes on, or when the host slept meanwhile. Now and then for nothing.</summary>
    public Task HeldUpAsync() => _heldUp.Task;

    private void ReportHeldUp()
    {
        TaskCompletionSource done = _heldUp;
        _heldUp = new TaskCompletionSource();
        done.SetResult();
    }

    /// <summary>Ends after the given time, or earlier, with false, when <paramref name="cancellation"/> says so.</summary>
    public Task<bool> DelayAsync(TimeSpan time, CancellationToken cancellation = default)
    {
        var timer = new Timer();
        _timers.Enqueue(timer, Environment.TickCount64 + (long)time.TotalMilliseconds);
        if (cancellation.CanBeCanceled) cancellation.Register(() => timer.Done.TrySetResult(false));
        return timer.Done.Task;
    }

    /// <summary>Stops waiting for anything. Awaiters are not continued.</summary>
    public void Dispose()
    {
        _epoll.Dispose();
        _wakeUp.Dispose();
    }

    internal long Register(AsyncFile file, SafeHandle handle, out bool canWait)
    {
        long id = _nextId++;
        byte* item = stackalloc byte[16];
        *(uint*)item = Libc.EPOLLIN | Libc.EPOLLOUT | Libc.EPOLLRDHUP | Libc.EPOLLPRI | Libc.EPOLLET;
        *(long*)(item + Libc.EpollDataOffset) = id;
        int result = Libc.epoll_ctl(_epoll, Libc.EPOLL_CTL_ADD, handle, item);
        // Regular files and /dev/null are always ready; epoll refuses them with EPERM.
        canWait = !(result < 0 && SystemCall.LastError == Errno.EPERM);
        if (!canWait) return id;
        SystemCall.Check(result, $"watch a file for events");
        _files.Add(id, file);
        return id;
    }

    internal void Unregister(long id, SafeHandle handle)
    {
        if (_files.Remove(id) && !handle.IsClosed)
            SystemCall.Check(Libc.epoll_ctl(_epoll, Libc.EPOLL_CTL_DEL, handle, null), $"stop watching a file");
    }

    private int Timeout()
    {
        while (_timers.TryPeek(out Timer? timer, out long due))
        {
            if (timer.Done.Task.IsCompleted) _timers.Dequeue();
            else return (int)Math.Clamp(due - Environment.TickCount64, 0, int.MaxValue);
        }

        return -1;
    }

    private void RunPosted()
    {
        Span<byte> ignored = stackalloc byte[8];
        while (_posted.TryDequeue(out (SendOrPostCallback Callback, object? State) item))
        {
            _ = FileDescriptor.TryRead(_wakeUp, ignored);
            item.Callback(item.State);
        }
    }

    private void FireTimers()
    {
        while (_timers.TryPeek(out Timer? timer, out long due) && due <= Environment.TickCount64)
        {
            _timers.Dequeue();
            timer.Done.TrySetResult(true);
        }
    }

    private sealed class Context(EventLoop loop) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
            loop._posted.Enqueue((d, state));
            try
            {
                FileDescriptor.WriteAll(loop._wakeUp, BitConverter.GetBytes(1UL));
            }
            catch (ObjectDisposedException)
            {
                // Another thread has done what nobody waits for any more. Thrown from here it would end the process.
            }
        }
    }

    private sealed class Timer
    {
        internal TaskCompletionSource<bool> Done { get; } = new();
    }
}
