using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;

namespace Runcvm.Fuse.Nodes;

/// <summary>Use of a node for the length of one request: its descriptor is not closed meanwhile, whatever the guest
/// forgets at the same time. Without that, the number could come to mean another file.</summary>
internal readonly struct NodeLease : IDisposable
{
    private readonly SafeFileHandle? _file;
    private readonly int _error;

    internal NodeLease(ServedNode node, SafeFileHandle file)
    {
        bool held = false;
        file.DangerousAddRef(ref held);
        Node = node;
        _file = file;
    }

    internal NodeLease(int error) => _error = error;

    /// <summary>The node, or null: see <see cref="Error"/>.</summary>
    internal ServedNode? Node { get; }

    /// <summary>Why there is none: a negative errno.</summary>
    internal int Error => _error == 0 ? -(int)Errno.ENOENT : _error;

    /// <summary>A descriptor of it, O_PATH or more.</summary>
    internal SafeFileHandle File => _file!;

    public void Dispose() => _file?.DangerousRelease();
}
