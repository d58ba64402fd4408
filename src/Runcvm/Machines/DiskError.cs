namespace Runcvm.Machines;

/// <summary>A request of the guest that a disk's file on the host could not serve.</summary>
/// <param name="Disk">the disk's serial number</param>
/// <param name="Operation">what the guest asked for: read or write</param>
/// <param name="Reason">the kernel's words</param>
/// <param name="Stops">The guest stands still and does not learn of it: its request is made once more when it goes on. Else the guest was told.</param>
internal sealed record DiskError(string Disk, string Operation, string Reason, bool Stops);
