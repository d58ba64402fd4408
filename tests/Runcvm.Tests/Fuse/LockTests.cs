using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Forwarding;

namespace Runcvm.Tests.Fuse;

/// <summary>Locks are shared between the guest and the host, and who waits for one keeps nobody else waiting.</summary>
public class LockTests
{
    [Fact]
    public void A_lock_of_the_host_counts_in_the_guest_and_the_other_way_round()
    {
        using var share = MountedShare.Start();
        File.WriteAllText(Path.Combine(share.Host, "f"), "0123456789");
        using SafeFileHandle host = FileDescriptor.Open(Path.Combine(share.Host, "f"), OpenFlags.ReadWrite);
        using SafeFileHandle guest = FileDescriptor.Open(Path.Combine(share.Guest, "f"), OpenFlags.ReadWrite);
        const int WouldBlock = -11;
        Assert.Equal(0, FileCall.SetLock(host, new RangeLock(RangeLock.Write, 0, 5)));
        Assert.Equal(WouldBlock, FileCall.SetLock(guest, new RangeLock(RangeLock.Write, 4, 1)));
        Assert.Equal(0, FileCall.SetLock(guest, new RangeLock(RangeLock.Write, 5, 1)));
        Assert.Equal(WouldBlock, FileCall.SetLock(host, new RangeLock(RangeLock.Write, 5, 1)));
        Assert.Equal(0, FileCall.LockWhole(guest, RangeLock.Write));
        Assert.Equal(WouldBlock, FileCall.LockWhole(host, 0));
    }

    [Fact]
    public void Who_waits_for_a_lock_gets_it_and_keeps_nobody_else_waiting()
    {
        using var share = MountedShare.Start();
        File.WriteAllText(Path.Combine(share.Host, "f"), "");
        SafeFileHandle host = FileDescriptor.Open(Path.Combine(share.Host, "f"), OpenFlags.ReadWrite);
        FileDescriptor.Lock(host);
        // More of them than there are workers.
        Thread[] waiting = [.. Enumerable.Range(0, 12).Select(_ => new Thread(() =>
        {
            using SafeFileHandle guest = FileDescriptor.Open(Path.Combine(share.Guest, "f"), OpenFlags.ReadWrite);
            FileDescriptor.Lock(guest);
        }))];
        foreach (Thread thread in waiting) thread.Start();
        Assert.True(SpinWait.SpinUntil(() => share.Server.Waiting == waiting.Length, TimeSpan.FromSeconds(20)));
        File.WriteAllText(Path.Combine(share.Guest, "g"), "goes on");
        host.Dispose();
        foreach (Thread thread in waiting) Assert.True(thread.Join(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public void Who_waits_for_a_lock_can_be_killed()
    {
        const string Flock = "/usr/bin/flock";
        if (!File.Exists(Flock)) Assert.Skip("flock(1) is not installed");
        using var share = MountedShare.Start();
        File.WriteAllText(Path.Combine(share.Host, "f"), "");
        using SafeFileHandle host = FileDescriptor.Open(Path.Combine(share.Host, "f"), OpenFlags.ReadWrite);
        FileDescriptor.Lock(host);
        using Process waiting = Process.Start(Flock, [Path.Combine(share.Guest, "f"), "true"]);
        Assert.True(SpinWait.SpinUntil(() => share.Server.Waiting == 1, TimeSpan.FromSeconds(20)));
        waiting.Kill();
        Assert.True(waiting.WaitForExit(TimeSpan.FromSeconds(20)));
        Assert.Equal(0, share.Server.Waiting);
    }
}
