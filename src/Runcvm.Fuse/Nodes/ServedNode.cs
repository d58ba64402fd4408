using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Locks;
using Runcvm.Linux.Files;

namespace Runcvm.Fuse.Nodes;

/// <summary>A file, folder or other node that the guest's kernel knows by a number.</summary>
internal sealed class ServedNode(ulong id, NodeKey key, FileKind kind, SafeFileHandle file, bool readOnly)
{
    internal ulong Id { get; } = id;

    internal NodeKey Key { get; } = key;

    internal FileKind Kind { get; } = kind;

    /// <summary>Whether nothing may be changed.</summary>
    internal bool ReadOnly { get; } = readOnly;

    /// <summary>The O_PATH descriptor.</summary>
    internal SafeFileHandle File { get; } = file;

    /// <summary>How often the kernel was told of the node and has not forgotten it; guarded by the table.</summary>
    internal ulong Lookups { get; set; }

    /// <summary>POSIX locks that the guest's processes hold on the file.</summary>
    internal NodeLocks Locks { get; } = new();

    /// <summary>What the file looked like when it was opened last; see <see cref="ContentStamp"/>.</summary>
    internal ContentStamp? LastOpened { get; set; }
}
