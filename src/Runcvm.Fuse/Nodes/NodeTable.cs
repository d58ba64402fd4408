using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Locks;
using Runcvm.Linux.FileCalls;

namespace Runcvm.Fuse.Nodes;

/// <summary>All nodes that the guest's kernel knows. Numbers are never given twice, so that generations stay 0.</summary>
/// <remarks>
/// A node costs no descriptor until it is used, and those used long ago give theirs back (<see cref="NodeTable"/>.Descriptors.cs):
/// a guest that has walked a large tree remembers all of it. A node without one is found again by its name in its folder, and
/// must prove to be the same file.
/// </remarks>
internal sealed partial class NodeTable : IDisposable
{
    /// <summary>FUSE_ROOT_ID</summary>
    internal const ulong RootId = 1;

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, ServedNode> _byId = [];
    private readonly Dictionary<NodeKey, ServedNode> _byKey = [];
    private readonly SortedList<uint, ServedNode> _roots = [];
    private readonly int _mostDescriptors;
    private readonly nint _highest;
    private readonly NodeLimit _limit;
    private bool _anyReadOnly;
    private ulong _last;

    /// <param name="first">number of the first root</param>
    /// <param name="mostDescriptors">how many nodes may have one at a time, unless they cannot do without</param>
    /// <param name="highest">number that no descriptor may have</param>
    /// <param name="limit">how many nodes there may be, but for the roots</param>
    internal NodeTable(ulong first, int mostDescriptors, nint highest, NodeLimit limit)
    {
        _highest = highest;
        _limit = limit;
        _last = first - 1;
        _mostDescriptors = mostDescriptors;
    }

    /// <summary>What is served, in the order of the numbers; the guest's kernel knows it as long as it is.</summary>
    internal IReadOnlyList<ServedNode> Roots
    {
        get
        {
            lock (_lock) return [.. _roots.Values];
        }
    }

    /// <summary>Whether the guest knows as many nodes, of all its shares together, as it may.</summary>
    internal bool IsFull => _limit.IsReached;

    /// <summary>Nodes known, the roots included.</summary>
    internal int Count
    {
        get
        {
            lock (_lock) return _byId.Count;
        }
    }

    /// <summary>Takes in a root, which keeps its descriptor as long as it is served.</summary>
    /// <param name="number">by which the guest finds it, and which no other ever had</param>
    /// <param name="file">an O_PATH descriptor, which is owned from now on</param>
    /// <param name="status">of it</param>
    /// <param name="readOnly">nothing in it may be changed</param>
    /// <param name="hidden">name of an entry that is not there for the guest</param>
    /// <param name="isPassing">it may go again</param>
    internal void AddRoot(
        uint number, SafeFileHandle file, in NodeStatus status, bool readOnly, byte[] hidden, bool isPassing = false)
    {
        lock (_lock)
        {
            var node = new ServedNode(++_last, KeyOf(status), status.Kind, readOnly)
            {
                File = file,
                Hidden = hidden,
                IsPassing = isPassing,
            };
            _roots.Add(number, node);
            _byId.Add(node.Id, node);
            _byKey.TryAdd(node.Key, node);
            _anyReadOnly |= readOnly;
        }
    }

    /// <summary>The root with this number, or null.</summary>
    internal ServedNode? RootOf(uint number)
    {
        lock (_lock) return _roots.GetValueOrDefault(number);
    }

    /// <summary>The same, and counts the look.</summary>
    internal ServedNode? LookupRoot(uint number)
    {
        lock (_lock)
        {
            if (!_roots.TryGetValue(number, out ServedNode? root)) return null;
            root.Lookups++;
            return root;
        }
    }

    /// <summary>Serves a root no longer: it and all below it lose their descriptors and locks and get none any more.
    /// Their numbers stay until the guest forgets them.</summary>
    /// <returns>the root; null where there is none with this number</returns>
    internal ServedNode? RemoveRoot(uint number)
    {
        var closed = new List<SafeFileHandle>();
        var locked = new List<ServedNode>();
        ServedNode? root;
        lock (_lock)
        {
            if (!_roots.Remove(number, out root)) return null;
            foreach (ServedNode node in _byId.Values)
            {
                if (node.Root != root) continue;
                node.IsGone = true;
                if (_byKey.GetValueOrDefault(node.Key) == node) _byKey.Remove(node.Key);
                if (Take(node) is { } file) closed.Add(file);
                if (node.Locks != null) locked.Add(node);
            }

            // The guest never asked for it, or has forgotten it.
            if (root.Lookups == 0) _byId.Remove(root.Id);
        }

        foreach (SafeFileHandle file in closed) file.Dispose();
        foreach (ServedNode node in locked) node.ReleaseLocks();
        return root;
    }

    internal bool IsReadOnly(ulong id)
    {
        if (!_anyReadOnly) return false;
        lock (_lock) return _byId.TryGetValue(id, out ServedNode? node) && node.ReadOnly;
    }

    /// <summary>Counts one more look at a node, which is taken in where it is new.</summary>
    /// <param name="folder">where it was seen</param>
    /// <param name="name">its name there; empty where it has none</param>
    /// <param name="status">what was seen</param>
    /// <param name="file">an O_PATH descriptor, which is owned from now on; null: it is opened when it is used</param>
    internal ServedNode Remember(ServedNode folder, ReadOnlySpan<byte> name, in NodeStatus status, SafeFileHandle? file)
    {
        NodeKey key = KeyOf(status);
        ServedNode? node;
        lock (_lock)
        {
            if (!_byKey.TryGetValue(key, out node) || IsAnother(node, status))
            {
                // One that was found while its root went is gone as well.
                bool isGone = folder.Root.IsGone;
                node = new ServedNode(++_last, key, status.Kind, folder.ReadOnly, folder.Root) { IsGone = isGone };
                _byId.Add(node.Id, node);
                if (!isGone) _byKey[key] = node;
                _limit.Add();
            }

            node.Lookups++;
            node.Born = status.Born;
            Place(node, folder, name);
            if (file != null && node.File == null && !node.IsGone)
            {
                Give(node, file);
                file = null;
            }
        }

        file?.Dispose();
        CloseUnused();
        return node;
    }

    /// <summary>Whether the node that was seen has a descriptor.</summary>
    internal bool Has(in NodeStatus status)
    {
        lock (_lock) return _byKey.TryGetValue(KeyOf(status), out ServedNode? node) && node.File != null;
    }

    /// <summary>The locks on a node's file.</summary>
    internal NodeLocks LocksOf(ServedNode node)
    {
        lock (_lock)
        {
            if (node.Locks != null) return node.Locks;
            node.Locks = new NodeLocks(_highest);
            // Its root went while it was asked for.
            if (node.IsGone) node.ReleaseLocks();
            return node.Locks;
        }
    }

    /// <summary>A node has another name now.</summary>
    internal void Moved(ServedNode folder, ReadOnlySpan<byte> name, in NodeStatus status)
    {
        lock (_lock)
        {
            if (_byKey.TryGetValue(KeyOf(status), out ServedNode? node)) Place(node, folder, name);
        }
    }

    /// <summary>FUSE_FORGET: takes back <paramref name="lookups"/> looks; never more than there were. A root stays as
    /// long as it is served.</summary>
    internal void Forget(ulong id, ulong lookups)
    {
        ServedNode? node;
        SafeFileHandle? file;
        lock (_lock)
        {
            if (!_byId.TryGetValue(id, out node)) return;
            node.Lookups -= Math.Min(lookups, node.Lookups);
            if (node.Lookups > 0 || (node.IsRoot && !node.IsGone)) return;
            _byId.Remove(id);
            if (!node.IsRoot) _limit.Remove();
            if (_byKey.GetValueOrDefault(node.Key) == node) _byKey.Remove(node.Key);
            file = Take(node);
        }

        node.ReleaseLocks();
        file?.Dispose();
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (ServedNode node in _byId.Values.Concat(_queue))
            {
                node.ReleaseLocks();
                Take(node)?.Dispose();
            }

            _queue.Clear();
            _byId.Clear();
            _byKey.Clear();
        }
    }

    private static void Place(ServedNode node, ServedNode folder, ReadOnlySpan<byte> name)
    {
        if (node.Folder == folder && node.Name.Length == name.Length + 1 && node.Name.AsSpan().StartsWith(name)) return;
        node.Folder = name.IsEmpty ? null : folder;
        node.Name = [.. name, 0];
    }

    // The number of a file that is gone, and that no descriptor held.
    private static bool IsAnother(ServedNode node, in NodeStatus status)
        => node.Kind != status.Kind || (node.File == null && node.Opened == null && node.Born != status.Born);

    private static NodeKey KeyOf(in NodeStatus status) => new(status.Device, status.Inode, status.Mount);
}
