using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Runcvm.Linux.Processes;

/// <summary>A thread that is somebody else than the rest of the process: another user, or one in other namespaces. To
/// the kernel identity belongs to a thread and not to a process (credentials(7), nptl(7)), so what is started or opened
/// here is that user's, and needs no program in between.</summary>
public sealed class UserThread : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    /// <summary>One in a compartment of its own: what it starts is confined to that.</summary>
    public UserThread(Confinement confinement)
        : this("confined", confinement.Enter)
    {
    }

    /// <summary>The same user, whose children are in new namespaces of these kinds. Needs CAP_SYS_ADMIN.</summary>
    public UserThread(Namespaces ofChildren)
        : this($"children in {ofChildren}", () => CurrentProcess.Unshare(ofChildren))
    {
    }

    /// <summary>One that becomes whatever that action makes of it.</summary>
    public UserThread(string name, Action become)
    {
        _thread = new Thread(Loop) { IsBackground = true, Name = name };
        _thread.Start();
        Run(() =>
        {
            become();
            return 0;
        });
    }

    /// <summary>Does something as that user, waits for it, and throws what it threw.</summary>
    public T Run<T>(Func<T> work)
    {
        T? result = default;
        ExceptionDispatchInfo? failure = null;
        using var done = new ManualResetEventSlim();
        _work.Add(() =>
        {
            try
            {
                result = work();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }

            done.Set();
        });
        done.Wait();
        failure?.Throw();
        return result!;
    }

    /// <summary>Ends the thread.</summary>
    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }

    private void Loop()
    {
        foreach (Action work in _work.GetConsumingEnumerable()) work();
    }
}
