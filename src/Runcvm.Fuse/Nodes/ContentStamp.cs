using Runcvm.Linux.FileCalls;

namespace Runcvm.Fuse.Nodes;

/// <summary>Tells whether a file's content is still that of an earlier look: size and times.</summary>
internal sealed record ContentStamp(ulong Size, NodeTime Modified, NodeTime Changed)
{
    // Time stamps move with the kernel's timer tick, 10 ms at the slowest: a file changed just now may change
    // once more without its time stamp telling.
    private static readonly TimeSpan Settled = TimeSpan.FromMilliseconds(20);

    /// <summary>The stamp, or null where the file was changed too recently for one to be believed.</summary>
    internal static ContentStamp? Of(in NodeStatus status)
    {
        DateTimeOffset changed = DateTimeOffset.FromUnixTimeMilliseconds(
            Math.Clamp(status.Changed.Seconds, 0, 1L << 36) * 1000 + status.Changed.Nanoseconds / 1_000_000);
        return DateTimeOffset.UtcNow - changed > Settled ? new ContentStamp(status.Size, status.Modified, status.Changed) : null;
    }
}
