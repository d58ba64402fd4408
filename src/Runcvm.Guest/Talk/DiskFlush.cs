using Runcvm.Linux.Mounts;

namespace Runcvm.Guest.Talk;

/// <summary>Puts on the disks what the guest's caches hold, while the machine goes on.</summary>
internal static class DiskFlush
{
    private const int StackSize = 64 * 1024;

    // sync(2) waits for disks and for whatever the workload has mounted, and the event loop must not.
    internal static Task RunAsync()
    {
        var done = new TaskCompletionSource();
        new Thread(() => Flush(done), StackSize) { IsBackground = true }.Start();
        return done.Task;
    }

    private static void Flush(TaskCompletionSource done)
    {
        MountPoint.SyncAll();
        done.SetResult();
    }
}
