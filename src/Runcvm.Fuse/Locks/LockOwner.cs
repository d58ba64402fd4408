using Microsoft.Win32.SafeHandles;

namespace Runcvm.Fuse.Locks;

/// <summary>A process of the guest that has locked parts of a file.</summary>
/// <param name="File">the open file description whose locks are the owner's</param>
/// <param name="Handle">the open file by which it locked first</param>
/// <param name="Writable">whether it can hold write locks</param>
/// <param name="Process">the process that asked last, as the guest numbers it</param>
internal sealed record LockOwner(SafeFileHandle File, ulong Handle, bool Writable, uint Process);
