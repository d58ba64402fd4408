using Runcvm.Fuse.Nodes;

namespace Runcvm.Fuse.Handles;

/// <summary>Everything that the guest has open, by numbers that are never given twice.</summary>
internal sealed class HandleTable(NodeTable nodes) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, OpenHandle> _open = [];
    private ulong _last;

    internal int Count
    {
        get
        {
            lock (_lock) return _open.Count;
        }
    }

    internal ulong Add(OpenHandle handle)
    {
        nodes.Opened(handle.Node, handle.File, handle is OpenFile { Writable: true });
        ulong number;
        lock (_lock)
        {
            number = ++_last;
            if (!handle.Node.IsGone)
            {
                _open.Add(number, handle);
                return number;
            }
        }

        // Its root went while it was opened: to the guest it is one that was closed.
        Close(handle);
        return number;
    }

    internal HandleLease<T> Lease<T>(ulong number)
        where T : OpenHandle
    {
        lock (_lock) return _open.TryGetValue(number, out OpenHandle? handle) && handle is T found ? new HandleLease<T>(found) : default;
    }

    /// <summary>Closes a handle; null where there is none of that number and kind.</summary>
    internal T? Remove<T>(ulong number)
        where T : OpenHandle
    {
        OpenHandle? handle;
        lock (_lock)
        {
            if (!_open.TryGetValue(number, out handle) || handle is not T) return null;
            _open.Remove(number);
        }

        Close(handle);
        return (T)handle;
    }

    /// <summary>Closes all of a root that is served no longer.</summary>
    internal void RemoveOf(ServedNode root)
    {
        KeyValuePair<ulong, OpenHandle>[] closed;
        lock (_lock)
        {
            closed = [.. _open.Where(item => item.Value.Node.Root == root)];
            foreach ((ulong number, _) in closed) _open.Remove(number);
        }

        foreach ((_, OpenHandle handle) in closed) Close(handle);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (OpenHandle handle in _open.Values) handle.File.Dispose();
            _open.Clear();
        }
    }

    private void Close(OpenHandle handle)
    {
        nodes.Closed(handle.Node, handle.File);
        handle.File.Dispose();
        if (handle is OpenFile { Writable: true }) nodes.ClosedForWriting(handle.Node);
    }
}
