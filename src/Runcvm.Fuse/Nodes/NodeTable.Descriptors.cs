using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Fuse.Nodes;

internal sealed partial class NodeTable
{
    // Folders in folders, of which a path that the guest can name at once has half as many.
    private const int MostLevels = 4096;

    // Those that have descriptors, in the order in which they got them; also some that have none any more.
    private readonly Queue<ServedNode> _queue = [];
    private int _descriptors;

    /// <summary>Nodes that have a descriptor at present, but for the roots.</summary>
    internal int Descriptors
    {
        get
        {
            lock (_lock) return _descriptors;
        }
    }

    /// <summary>The node with a descriptor, which it may get now.</summary>
    internal NodeLease Lease(ulong id)
    {
        ServedNode? node;
        lock (_lock)
        {
            if (!_byId.TryGetValue(id, out node)) return default;
            // Whatever of it the guest has open.
            if (node.IsGone) return new NodeLease(-(int)Errno.ESTALE);
            if (node.File != null || node.Opened != null) return Use(node);
        }

        NodeLease lease = Find(node);
        CloseUnused();
        return lease;
    }

    /// <summary>The guest has opened a node by this descriptor: a name is not needed as long.</summary>
    internal void Opened(ServedNode node, SafeFileHandle file, bool writable)
    {
        lock (_lock)
        {
            node.AddOpened(file);
            if (writable) node.Writers++;
        }
    }

    /// <summary>The guest closes what it had opened.</summary>
    internal void Closed(ServedNode node, SafeFileHandle file)
    {
        lock (_lock) node.RemoveOpened(file);
    }

    /// <summary>A descriptor that could write is closed, and no lease of the host is refused for it any more.</summary>
    internal void ClosedForWriting(ServedNode node)
    {
        lock (_lock) node.Writers--;
    }

    /// <summary>The entry is going to lose its name: whoever in the guest still uses the node must find it without.</summary>
    internal void KeepEntry(in NodeLease folder, EntryName name)
    {
        if (FileCall.Status(folder.File, name, out NodeStatus status) < 0) return;
        ServedNode? node;
        lock (_lock)
        {
            if (!_byKey.TryGetValue(KeyOf(status), out node) || node.File != null || node.Opened != null) return;
            Place(node, folder.Node!, name.Bytes);
        }

        Find(node).Dispose();
    }

    /// <summary>Opens a node by the names of it and of the folders above it.</summary>
    private NodeLease Find(ServedNode node)
    {
        var below = new Stack<ServedNode>();
        NodeLease lease;
        lock (_lock)
        {
            if (node.IsGone) return new NodeLease(-(int)Errno.ESTALE);
            ServedNode at = node;
            for (; at.File == null && at.Opened == null; at = at.Folder)
            {
                if (at.Folder == null || below.Count == MostLevels) return new NodeLease(-(int)Errno.ESTALE);
                below.Push(at);
            }

            lease = Use(at);
        }

        while (below.TryPop(out ServedNode? next))
        {
            NodeLease found = Open(lease, next);
            lease.Dispose();
            if (found.Node == null) return found;
            lease = found;
        }

        return lease;
    }

    private NodeLease Open(in NodeLease folder, ServedNode node)
    {
        byte[] text;
        NodeTime? born;
        lock (_lock) (text, born) = (node.Name, node.Born);
        int error = EntryName.Read(text, out EntryName name);
        if (error < 0) return new NodeLease(error);
        error = OpenPath(folder, name, out SafeFileHandle file);
        if (error == -(int)Errno.EMFILE)
        {
            file.Dispose();
            // Each is looked at twice: the first time may find it used.
            int all = Descriptors;
            CloseUnused(all / 2, 2 * all);
            error = OpenPath(folder, name, out file);
        }

        NodeStatus status = default;
        if (error == 0) error = FileCall.Status(file, out status);
        // ESTALE has the guest's kernel look the path up once more; open(2), stat(2) and the like then find what is there now.
        if (error is -(int)Errno.ENOENT or -(int)Errno.ENOTDIR || (error == 0 && (KeyOf(status) != node.Key || status.Born != born))) error = -(int)Errno.ESTALE;
        lock (_lock)
        {
            if (node.File != null) error = 0;
            else if (node.IsGone) error = -(int)Errno.ESTALE;
            else if (error == 0)
            {
                Give(node, file);
                return Use(node);
            }
        }

        file.Dispose();
        if (error < 0) return new NodeLease(error);
        lock (_lock) return node.File != null ? Use(node) : new NodeLease(-(int)Errno.ESTALE);
    }

    private int OpenPath(in NodeLease folder, EntryName name, out SafeFileHandle file)
    {
        int error = FileCall.Open(folder.File, name, OpenFlags.Path, 0, out file);
        return error == 0 && DescriptorLimit.IsReachedBy(file, _highest) ? -(int)Errno.EMFILE : error;
    }

    private void CloseUnused()
    {
        // Some cannot be closed, and may be all that are left: the look for others goes on with the next new one.
        const int MostLooks = 256;
        if (Volatile.Read(ref _descriptors) > _mostDescriptors) CloseUnused(_mostDescriptors, MostLooks);
    }

    private void CloseUnused(int leave, int looks)
    {
        for (; looks > 0; looks--)
        {
            NodeLease candidate;
            lock (_lock)
            {
                if (_descriptors <= leave || !_queue.TryDequeue(out ServedNode? node)) return;
                node.Queued = false;
                if (node.File == null) continue;
                if (node.Used || node.Born == null)
                {
                    node.Used = false;
                    Enqueue(node);
                    continue;
                }

                candidate = new NodeLease(node, node.File);
            }

            using (candidate) Close(candidate);
        }
    }

    // A node without a name must keep its descriptor, and one whose file system has other times of birth by now (an overlay
    // that copied it up) must be found by that.
    private void Close(in NodeLease candidate)
    {
        ServedNode node = candidate.Node!;
        int error = FileCall.Status(candidate.File, out NodeStatus status);
        SafeFileHandle? closed = null;
        lock (_lock)
        {
            if (node.File != candidate.File) return;
            if (error == 0 && !node.Used && status.Links > 0 && status.Born != null && node.Folder != null)
            {
                node.Born = status.Born;
                closed = Take(node);
            }
            else Enqueue(node);
        }

        closed?.Dispose();
    }

    // The following are called with the lock held.
    private static NodeLease Use(ServedNode node)
    {
        node.Used = true;
        return new NodeLease(node, node.File ?? node.Opened!);
    }

    private void Give(ServedNode node, SafeFileHandle file)
    {
        node.File = file;
        _descriptors++;
        if (!node.Queued) Enqueue(node);
        // Forgotten ones are left behind by whoever never reaches the limit.
        if (_queue.Count <= 2 * _descriptors + 1024) return;
        ServedNode[] all = [.. _queue];
        _queue.Clear();
        foreach (ServedNode other in all)
        {
            other.Queued = false;
            if (other.File != null) Enqueue(other);
        }
    }

    private SafeFileHandle? Take(ServedNode node)
    {
        SafeFileHandle? file = node.File;
        node.File = null;
        if (file != null && !node.IsRoot) _descriptors--;
        return file;
    }

    private void Enqueue(ServedNode node)
    {
        node.Queued = true;
        _queue.Enqueue(node);
    }
}
