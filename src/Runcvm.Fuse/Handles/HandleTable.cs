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
        nodes.Opened(handle.Node, handle.File);
        lock (_lock)
        {
            _open.Add(++_last, handle);
            return _last;
        }
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

        nodes.Closed(handle.Node, handle.File);
        handle.File.Dispose();
        return (T)handle;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (OpenHandle handle in _open.Values) handle.File.Dispose();
            _open.Clear();
        }
    }
}
