using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.VirtioFs;

/// <summary>A ring between one start of the guest's driver and its end.</summary>
/// <param name="Queue">its layout</param>
/// <param name="Memory">in which it lies</param>
/// <param name="KickFile">the eventfd by which the guest tells of requests</param>
internal sealed record RunningRing(SplitQueue Queue, GuestMemory Memory, SafeFileHandle KickFile)
{
    private readonly WaitingFile _kick = new(KickFile);

    /// <summary>Waits until the guest tells of something, or <see cref="Wake"/> is called.</summary>
    internal void AwaitNotice()
    {
        Span<byte> count = stackalloc byte[sizeof(ulong)];
        // Hardly ever is it there at once: to try would be one call more.
        _kick.WaitReadable();
        _ = _kick.Read(count);
        Queue.Noticed();
    }

    /// <summary>Lets go whoever waits.</summary>
    internal void Wake() => FileDescriptor.TryWrite(KickFile, [1, 0, 0, 0, 0, 0, 0, 0]);
}
