using Runcvm.HostFiles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>A machine that runs although the low-level runtime has no container of it: somebody has removed what that
/// knew.</summary>
internal static class OrphanedMachine
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Ends the supervisor, if it is there, and with it, as the first process of its PID namespace, all of the
    /// machine.</summary>
    /// <exception cref="UsageException">it cannot be ended</exception>
    internal static void End(MachineFolder folder)
    {
        if (!folder.IsRunning || LockHolders.Of(folder.Lock) is not { } process || IsBesideUs(process)) return;
        try
        {
            using ChildProcess supervisor = ChildProcess.Of(process);
            // By now the number may be another process's, for which nothing is locked.
            if (LockHolders.Of(folder.Lock) != process) return;
            supervisor.Kill(SignalNumber.Kill);
            using var loop = new EventLoop();
            loop.Run(() => AwaitEndAsync(loop, supervisor, folder));
        }
        catch (LinuxException e) when (e.Errno == Errno.ESRCH)
        {
            // It has ended.
        }
    }

    // A verb that looks at the machine at this moment holds the lock as well.
    private static bool IsBesideUs(int process)
    {
        const string Name = "ns/pid";
        return new FileInfo($"/proc/{process}/{Name}").LinkTarget == new FileInfo($"/proc/self/{Name}").LinkTarget;
    }

    private static async Task<bool> AwaitEndAsync(EventLoop loop, ChildProcess supervisor, MachineFolder folder)
    {
        using var end = new AsyncFile(loop, supervisor.PidFd);
        using var ended = new CancellationTokenSource();
        Task<bool> patience = loop.DelayAsync(Patience, ended.Token);
        Task ending = end.ReadableAsync();
        if (await Task.WhenAny(ending, patience) == patience)
            throw new UsageException(
                $"machine {folder.Id} still runs as process {supervisor.Id}, {Patience.TotalSeconds} s after it was "
                + "killed; delete it again");
        ended.Cancel();
        await ending;
        return true;
    }
}
