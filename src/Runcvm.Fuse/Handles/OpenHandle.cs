using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;

namespace Runcvm.Fuse.Handles;

/// <summary>A file or folder that the guest has open.</summary>
internal abstract class OpenHandle(SafeFileHandle file, ServedNode node)
{
    internal SafeFileHandle File { get; } = file;

    internal ServedNode Node { get; } = node;
}

/// <summary>An open file.</summary>
internal sealed class OpenFile(SafeFileHandle file, ServedNode node, uint flags) : OpenHandle(file, node)
{
    internal bool Writable { get; } = (flags & GuestFlags.AccessMode) != 0;

    /// <summary>Whether the host's kernel makes every write durable before it returns.</summary>
    internal bool Synchronous { get; } = (flags & GuestFlags.DataSynchronous) != 0;

    /// <summary>Whether anything was written, so that closing may have something to report.</summary>
    internal bool Written { get; set; }
}

/// <summary>An open folder, with records that were read and not asked for yet.</summary>
internal sealed class OpenFolder(SafeFileHandle file, ServedNode node) : OpenHandle(file, node)
{
    /// <summary>Held while the folder is read: its position is one for all.</summary>
    internal Lock Reading { get; } = new();

    /// <summary>Where the kernel goes on if it goes on where it stopped.</summary>
    internal long Position { get; set; }

    /// <summary>Records from <see cref="Position"/> on.</summary>
    internal ReadOnlyMemory<byte> Records { get; set; }
}
