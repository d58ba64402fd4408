using Microsoft.Win32.SafeHandles;

namespace Runcvm.Fuse.Nodes;

/// <summary>Use of a node for the length of one request: its descriptor is not closed meanwhile, whatever the guest
/// forgets at the same time. Without that, the number could come to mean another file.</summary>
internal readonly struct NodeLease : IDisposable
{
    internal NodeLease(ServedNode node)
    {
        bool held = false;
        node.File.DangerousAddRef(ref held);
        Node = node;
    }

    /// <summary>The node, or null: there is none of that number.</summary>
    internal ServedNode? Node { get; }

    /// <summary>Its O_PATH descriptor.</summary>
    internal SafeFileHandle File => Node!.File;

    public void Dispose() => Node?.File.DangerousRelease();
}
