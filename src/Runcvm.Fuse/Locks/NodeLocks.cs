using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Forwarding;

namespace Runcvm.Fuse.Locks;

/// <summary>POSIX locks of the guest's processes on one file. Each owner has an open file description of its own on the
/// host, whose locks are the owner's: so the host's kernel decides, and other users of the volume take part.</summary>
internal sealed class NodeLocks : IDisposable
{
    // An owner costs a descriptor. A guest has this many processes that lock one file, or it means harm.
    private const int MostOwners = 4096;

    private readonly Lock _lock = new();
    private Dictionary<ulong, SafeFileHandle>? _owners;
    private bool _disposed;

    /// <summary>F_SETLK for an owner, not waiting.</summary>
    internal int Set(ulong owner, SafeFileHandle node, RangeLock range)
    {
        lock (_lock)
        {
            if (range.Kind == RangeLock.None && (_owners == null || !_owners.ContainsKey(owner))) return 0;
            int error = FileOf(owner, node, out SafeFileHandle? file);
            return error < 0 ? error : FileCall.SetLock(file!, range);
        }
    }

    /// <summary>F_GETLK for an owner.</summary>
    internal int Get(ulong owner, SafeFileHandle node, ref RangeLock range)
    {
        lock (_lock)
        {
            int error = FileOf(owner, node, out SafeFileHandle? file);
            return error < 0 ? error : FileCall.GetLock(file!, ref range);
        }
    }

    /// <summary>Gives up all locks of an owner, as close(2) of any descriptor does; fcntl(2).</summary>
    /// <returns>whether there were any</returns>
    internal bool Release(ulong owner)
    {
        lock (_lock)
        {
            if (_owners == null || !_owners.Remove(owner, out SafeFileHandle? file)) return false;
            file.Dispose();
            return true;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            if (_owners == null) return;
            foreach (SafeFileHandle file in _owners.Values) file.Dispose();
            _owners = null;
        }
    }

    private int FileOf(ulong owner, SafeFileHandle node, out SafeFileHandle? file)
    {
        file = null;
        if (_disposed) return -(int)Errno.EBADF;
        _owners ??= [];
        if (_owners.TryGetValue(owner, out file)) return 0;
        if (_owners.Count >= MostOwners) return -(int)Errno.ENOLCK;
        // A write lock needs a descriptor that can write. Whether the guest's may was checked by its kernel.
        int error = FileCall.Reopen(node, OpenFlags.ReadWrite | OpenFlags.NonBlocking, 0, out file);
        if (error < 0)
        {
            file.Dispose();
            error = FileCall.Reopen(node, OpenFlags.ReadOnly | OpenFlags.NonBlocking, 0, out file);
        }

        if (error == 0) _owners.Add(owner, file);
        else file.Dispose();
        return error;
    }
}
