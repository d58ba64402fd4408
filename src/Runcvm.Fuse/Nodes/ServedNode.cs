using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Locks;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Fuse.Nodes;

/// <summary>A file, folder or other node that the guest's kernel knows by a number. It has a descriptor only while it is
/// used: see <see cref="NodeTable"/>, which guards all that changes here.</summary>
/// <param name="id">its number</param>
/// <param name="key">which file of the host it is</param>
/// <param name="kind">of that file</param>
/// <param name="readOnly">nothing may be changed</param>
/// <param name="root">what is served; null for a node that is that itself</param>
internal sealed class ServedNode(ulong id, NodeKey key, FileKind kind, bool readOnly, ServedNode? root = null)
{
    private readonly ServedNode? _root = root;
    private SafeFileHandle? _opened;

    // Hardly ever is a file opened twice at a time.
    private List<SafeFileHandle>? _more;

    internal ulong Id { get; } = id;

    internal NodeKey Key { get; } = key;

    internal FileKind Kind { get; } = kind;

    /// <summary>Whether nothing may be changed.</summary>
    internal bool ReadOnly { get; } = readOnly;

    /// <summary>The root below which it was seen first: itself, where it is one.</summary>
    internal ServedNode Root => _root ?? this;

    /// <summary>Whether it is what is served, and nothing below it.</summary>
    internal bool IsRoot => _root == null;

    /// <summary>Of a root: name of an entry that is not there for the guest; empty: it sees all.</summary>
    internal byte[] Hidden { get; init; } = [];

    /// <summary>Of a root: it came while others were served, and may go again.</summary>
    internal bool IsPassing { get; init; }

    /// <summary>Whether its root is served no longer. It has no descriptor, and gets none any more.</summary>
    internal bool IsGone { get; set; }

    /// <summary>How often the kernel was told of the node and has not forgotten it.</summary>
    internal ulong Lookups { get; set; }

    /// <summary>The folder in which it was seen last; null for a root and for a file without a name.</summary>
    internal ServedNode? Folder { get; set; }

    /// <summary>Its name there, with the final zero.</summary>
    internal byte[] Name { get; set; } = [];

    /// <summary>When it was made: one inode number may come to mean another file while no descriptor holds it, but not one
    /// that was made at the same time. Null where the file system does not tell.</summary>
    internal NodeTime? Born { get; set; }

    /// <summary>The O_PATH descriptor, while there is one.</summary>
    internal SafeFileHandle? File { get; set; }

    /// <summary>A file that the guest has open, which stands in for the descriptor: the file may have no name any more.</summary>
    internal SafeFileHandle? Opened => _more is { Count: > 0 } ? _more[^1] : _opened;

    /// <summary>Whether it was used since somebody looked for descriptors to close.</summary>
    internal bool Used { get; set; }

    /// <summary>Whether it is in the queue of those that have descriptors.</summary>
    internal bool Queued { get; set; }

    /// <summary>POSIX locks that the guest's processes hold on the file; null where none ever had one.</summary>
    internal NodeLocks? Locks { get; set; }

    /// <summary>What the file looked like when it was opened last; see <see cref="ContentStamp"/>.</summary>
    internal ContentStamp? LastOpened { get; set; }

    /// <summary>How often it is open for writing, by this server.</summary>
    internal int Writers { get; set; }

    /// <summary>Whether somebody else could write the file when the guest began to.</summary>
    internal bool IsContested { get; set; }

    /// <summary>The guest has opened it.</summary>
    internal void AddOpened(SafeFileHandle file)
    {
        if (_opened == null) _opened = file;
        else (_more ??= []).Add(file);
    }

    /// <summary>The guest closes what it had opened.</summary>
    internal void RemoveOpened(SafeFileHandle file)
    {
        if (_opened != file) _more?.Remove(file);
        else _opened = null;
    }

    /// <summary>Gives up the locks of a node that nobody knows any more.</summary>
    internal void ReleaseLocks() => Locks?.Dispose();
}
