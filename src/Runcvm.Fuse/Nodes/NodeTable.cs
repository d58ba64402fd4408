using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Forwarding;

namespace Runcvm.Fuse.Nodes;

/// <summary>All nodes that the guest's kernel knows. Numbers are never given twice, so that generations stay 0.</summary>
internal sealed class NodeTable : IDisposable
{
    /// <summary>FUSE_ROOT_ID</summary>
    internal const ulong RootId = 1;

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, ServedNode> _byId = [];
    private readonly Dictionary<NodeKey, ServedNode> _byKey = [];
    private readonly List<ServedNode> _roots = [];
    private bool _anyReadOnly;
    private ulong _last;

    /// <param name="first">number of the first root</param>
    internal NodeTable(ulong first) => _last = first - 1;

    /// <summary>What is served, which the guest's kernel knows always.</summary>
    internal IReadOnlyList<ServedNode> Roots => _roots;

    /// <summary>Takes in a root. Not after the first request.</summary>
    internal void AddRoot(SafeFileHandle file, in NodeStatus status, bool readOnly)
    {
        var node = new ServedNode(++_last, KeyOf(status), status.Kind, file, readOnly) { Lookups = 1 };
        _byId.Add(node.Id, node);
        _byKey.TryAdd(node.Key, node);
        _roots.Add(node);
        _anyReadOnly |= readOnly;
    }

    internal bool IsReadOnly(ulong id)
    {
        if (!_anyReadOnly) return false;
        lock (_lock) return _byId.TryGetValue(id, out ServedNode? node) && node.ReadOnly;
    }

    /// <summary>Nodes known, the root included.</summary>
    internal int Count
    {
        get
        {
            lock (_lock) return _byId.Count;
        }
    }

    internal NodeLease Lease(ulong id)
    {
        lock (_lock) return _byId.TryGetValue(id, out ServedNode? node) ? new NodeLease(node) : default;
    }

    /// <summary>Counts one more look at a node, which is taken in where it is new. Owns <paramref name="file"/>.</summary>
    internal ServedNode Remember(ServedNode parent, SafeFileHandle file, in NodeStatus status)
    {
        NodeKey key = KeyOf(status);
        lock (_lock)
        {
            if (!_byKey.TryGetValue(key, out ServedNode? node))
            {
                node = new ServedNode(++_last, key, status.Kind, file, parent.ReadOnly);
                _byId.Add(node.Id, node);
                _byKey.Add(key, node);
                node.Lookups = 1;
                return node;
            }

            node.Lookups++;
            file.Dispose();
            return node;
        }
    }

    /// <summary>FUSE_FORGET: takes back <paramref name="lookups"/> looks; never more than there were.</summary>
    internal void Forget(ulong id, ulong lookups)
    {
        if (id <= _roots[^1].Id) return;
        ServedNode? node;
        lock (_lock)
        {
            if (!_byId.TryGetValue(id, out node)) return;
            node.Lookups -= Math.Min(lookups, node.Lookups);
            if (node.Lookups > 0) return;
            _byId.Remove(id);
            _byKey.Remove(node.Key);
        }

        node.Locks.Dispose();
        node.File.Dispose();
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (ServedNode node in _byId.Values)
            {
                node.Locks.Dispose();
                node.File.Dispose();
            }

            _byId.Clear();
            _byKey.Clear();
        }
    }

    private static NodeKey KeyOf(in NodeStatus status) => new(status.Device, status.Inode, status.Mount);
}
