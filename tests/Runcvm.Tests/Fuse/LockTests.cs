using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Locks;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Tests.Fuse;

/// <summary>Locks are shared between the guest and the host, and who waits for one keeps nobody else waiting.</summary>
public class LockTests
{
    private const int WouldBlock = -(int)Errno.EAGAIN;

    [Fact]
    public void A_lock_of_the_host_counts_in_the_guest_and_the_other_way_round()
    {
        using var share = MountedShare.Start();
        File.WriteAllText(Path.Combine(share.Host, "f"), "0123456789");
        using SafeFileHandle host = FileDescriptor.Open(Path.Combine(share.Host, "f"), OpenFlags.ReadWrite);
        using SafeFileHandle guest = FileDescriptor.Open(Path.Combine(share.Guest, "f"), OpenFlags.ReadWrite);
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

    [Fact]
    public void A_read_lock_opens_no_file_for_writing_and_stays_when_a_write_lock_is_added()
    {
        using var share = MountedShare.Start();
        string path = Path.Combine(share.Host, "f");
        File.WriteAllText(path, "0123456789");
        using SafeFileHandle host = FileDescriptor.Open(path, OpenFlags.ReadWrite);
        using var reading = new FileStream(Path.Combine(share.Guest, "f"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        // fcntl(F_SETLK) with F_RDLCK for a stream that only reads.
        Lock(reading, 0, 5);
        Assert.Equal(WouldBlock, FileCall.SetLock(host, new RangeLock(RangeLock.Write, 4, 1)));
        Assert.Equal(1, OpenForWriting(path)); // this test's own
        using (var writing = new FileStream(Path.Combine(share.Guest, "f"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            Lock(writing, 7, 1);
            Assert.Equal(WouldBlock, FileCall.SetLock(host, new RangeLock(0, 7, 1)));
            Assert.Equal(WouldBlock, FileCall.SetLock(host, new RangeLock(RangeLock.Write, 4, 1)));
            Assert.Equal(0, FileCall.SetLock(host, new RangeLock(0, 4, 1)));
            Assert.Equal(0, FileCall.SetLock(host, new RangeLock(RangeLock.Write, 5, 1)));
        }

        // close(2) gives all of a process's locks up, whichever of its descriptors it closes. A process that another test starts at this moment has the
        // server's files until its exec.
        Assert.True(SpinWait.SpinUntil(() => FileCall.SetLock(host, new RangeLock(RangeLock.Write, 0, 0)) == 0, TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public void Locks_take_no_more_descriptors_than_there_are()
    {
        string path = Path.GetTempFileName();
        using SafeFileHandle file = FileDescriptor.Open(path, OpenFlags.ReadWrite);
        File.Delete(path);
        using var locks = new NodeLocks(highest: 0);
        Assert.Equal(-(int)Errno.ENOLCK, locks.Set(new LockRequest(1, 1, true, 1), file, new RangeLock(RangeLock.Write, 0, 1)));
    }

    [Fact]
    public void A_file_that_is_open_for_reading_gets_no_write_lock()
    {
        string path = Path.GetTempFileName();
        using SafeFileHandle file = FileDescriptor.Open(path, OpenFlags.ReadWrite);
        File.Delete(path);
        using var locks = new NodeLocks(highest: nint.MaxValue);
        Assert.Equal(-(int)Errno.EBADF, locks.Set(new LockRequest(1, 1, false, 1), file, new RangeLock(RangeLock.Write, 0, 1)));
        Assert.Equal(0, locks.Set(new LockRequest(1, 1, false, 1), file, new RangeLock(0, 0, 1)));
    }

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Interoperability", "CA1416", Justification = "only macOS lacks it")]
    private static void Lock(FileStream file, long first, long length) => file.Lock(first, length);

    private static int OpenForWriting(string path) => Directory.EnumerateFiles("/proc/self/fd").Count(link => IsOpenForWriting(link, path));

    private static bool IsOpenForWriting(string link, string path)
    {
        const int AccessMode = 3;
        const string Flags = "flags:";
        try
        {
            if (File.ResolveLinkTarget(link, false)?.FullName != path) return false;
            string flags = File.ReadLines($"/proc/self/fdinfo/{Path.GetFileName(link)}").Single(static line => line.StartsWith(Flags, StringComparison.Ordinal));
            return (Convert.ToInt32(flags[Flags.Length..].Trim(), 8) & AccessMode) != 0;
        }
        catch (IOException)
        {
            // Another test's, closed meanwhile.
            return false;
        }
    }
}
