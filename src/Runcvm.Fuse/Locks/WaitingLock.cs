namespace Runcvm.Fuse.Locks;

/// <summary>A request that waits for a lock.</summary>
/// <param name="Unique">its number</param>
/// <param name="Try">tries to take the lock; a negative errno, EAGAIN while it is held</param>
internal sealed record WaitingLock(ulong Unique, Func<int> Try);
