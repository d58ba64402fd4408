using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;

namespace Runcvm.HostFiles;

/// <summary>A lock among processes that goes with its holder, however that ends. The file is removed on release, so a
/// lock that was got counts only if its file is still the one under that name.</summary>
internal sealed class LockFile : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    private readonly string _path;
    private readonly SafeFileHandle _file;

    private LockFile(string path, SafeFileHandle file)
    {
        _path = path;
        _file = file;
    }

    internal static LockFile Acquire(string path)
    {
        while (true)
        {
            SafeFileHandle file = FileDescriptor.Open(path, OpenFlags.ReadWrite | OpenFlags.Create, Permission.OwnersFile);
            FileDescriptor.Lock(file);
            if (IsStillAt(path, file)) return new LockFile(path, file);
            file.Dispose();
        }
    }

    /// <summary>The lock, or null when somebody holds it.</summary>
    internal static LockFile? TryAcquire(string path)
    {
        SafeFileHandle file = FileDescriptor.Open(path, OpenFlags.ReadWrite | OpenFlags.Create, Permission.OwnersFile);
        if (FileDescriptor.TryLock(file) && IsStillAt(path, file)) return new LockFile(path, file);
        file.Dispose();
        return null;
    }

    /// <summary>The lock, or null when somebody has held it all the time.</summary>
    internal static LockFile? TryAcquire(string path, TimeSpan patience)
    {
        // The kernel knows no deadline for a lock, and tells nobody when it is free.
        var clock = Stopwatch.StartNew();
        LockFile? held = null;
        using var loop = new EventLoop();
        loop.Run(async () =>
        {
            while ((held = TryAcquire(path)) == null && clock.Elapsed < patience) await loop.DelayAsync(Interval);
            return 0;
        });
        return held;
    }

    /// <summary>Whether somebody holds the lock now. What is there instead of a file holds none: a link, a pipe, a
    /// folder, a device.</summary>
    internal static bool IsHeld(string path)
    {
        using SafeFileHandle? place = FileDescriptor.TryOpen(path, OpenFlags.Path | OpenFlags.NoFollow);
        if (place is null || FileStatus.Of(place).Kind != FileKind.Regular) return false;
        using SafeFileHandle file = FileDescriptor.Open(FileDescriptor.PathOf(place), OpenFlags.ReadOnly);
        return !FileDescriptor.TryLock(file);
    }

    public void Dispose()
    {
        File.Delete(_path);
        _file.Dispose();
    }

    private static bool IsStillAt(string path, SafeFileHandle file)
        => FileStatus.TryOf(path) is { } named
        && FileStatus.TryOf(FileDescriptor.PathOf(file), followLinks: true) is { } held
        && named.Inode == held.Inode;
}
