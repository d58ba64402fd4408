namespace Runcvm.Fuse.Locks;

/// <summary>Who asks for a lock.</summary>
/// <param name="Owner">the guest's kernel's number for the owner of POSIX locks</param>
/// <param name="Handle">the open file by which it asks</param>
/// <param name="Writable">whether that file is open for writing</param>
/// <param name="Process">the process, as the guest numbers it</param>
internal readonly record struct LockRequest(ulong Owner, ulong Handle, bool Writable, uint Process);
