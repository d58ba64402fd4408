namespace Runcvm.Fuse;

/// <summary>How many files and folders a guest may have its servers remember, those of all its shares together. A guest's own kernel
/// spends more on each than the server does, so one that keeps to the protocol never comes so far.</summary>
public sealed class NodeLimit
{
    // struct fuse_inode alone, of any 64-bit Linux that can be a guest; /proc/slabinfo.
    private const int GuestBytes = 768;

    private readonly long _most;
    private long _used;

    internal NodeLimit(long most)
    {
        _most = most;
    }

    /// <summary>For a guest of so many bytes of memory.</summary>
    public static NodeLimit Of(long guestMemory) => new(guestMemory / GuestBytes);

    internal bool IsReached => Volatile.Read(ref _used) >= _most;

    internal void Add() => Interlocked.Increment(ref _used);

    internal void Remove() => Interlocked.Decrement(ref _used);
}
