using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;

namespace Runcvm.Supervisor;

/// <summary>Tells the engine that a guest's memory did not suffice. Engines learn of that from the container's cgroup only, and the
/// cgroup from its own kernel only: so a process of no use takes what little the limit has left, and the kernel kills it as it would
/// have killed the workload of a container.</summary>
internal static class MemoryShortage
{
    // On hosts that swap the limit may be far away.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Reports it.</summary>
    /// <param name="loop">waits for it</param>
    /// <param name="limit">bytes that the sandbox may use; 0 is no limit, which nobody can exceed</param>
    internal static async Task ReportAsync(EventLoop loop, long limit)
    {
        if (limit == 0) return;
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        using ChildProcess process = ChildProcess.Start(
            "/proc/self/exe", ["runcvm", "exhaust", limit.ToString(System.Globalization.CultureInfo.InvariantCulture)], [], [(0, nothing), (1, nothing), (2, nothing)]);
        using var ended = new CancellationTokenSource();
        Task<ExitStatus> exited = AsyncFile.WaitForExitAsync(loop, process);
        if (await Task.WhenAny(exited, loop.DelayAsync(Patience, ended.Token)) != exited) process.Kill(SignalNumber.Kill);
        await exited;
        ended.Cancel();
    }

    /// <summary>`runcvm exhaust BYTES`: the process of no use. Where it is not killed, because the limit was raised, it ends.</summary>
    internal static int Exhaust(string bytes)
    {
        CurrentProcess.SetOomScore(1000);
        CurrentProcess.TouchMemory(long.Parse(bytes, System.Globalization.CultureInfo.InvariantCulture));
        return 0;
    }
}
