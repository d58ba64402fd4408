using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;

namespace Runcvm.Fuse.Locks;

/// <summary>POSIX locks of the guest's processes on one file. Each owner has an open file description of its own on the
/// host, whose locks are the owner's: so the host's kernel decides, and other users of the volume take part.</summary>
/// <param name="highest">number that no descriptor may have</param>
internal sealed class NodeLocks(nint highest) : IDisposable
{
    // An owner costs a descriptor. A guest has this many processes that lock one file, or it means harm.
    private const int MostOwners = 4096;

    private readonly Lock _lock = new();
    private Dictionary<ulong, LockOwner>? _owners;
    private bool _disposed;

    /// <summary>F_SETLK for an owner, not waiting.</summary>
    internal int Set(in LockRequest asked, SafeFileHandle node, RangeLock range)
    {
        // Whether the guest's file may have it was checked by its kernel, if that can be believed.
        if (range.Kind == RangeLock.Write && !asked.Writable) return -(int)Errno.EBADF;
        lock (_lock)
        {
            bool isNew = _owners == null || !_owners.ContainsKey(asked.Owner);
            if (isNew && range.Kind == RangeLock.None) return 0;
            int error = FileOf(asked, node, forWriting: range.Kind == RangeLock.Write, out SafeFileHandle file);
            if (error == 0) error = FileCall.SetLock(file, range);
            if (error < 0 && isNew) Release(asked.Owner);
            return error;
        }
    }

    /// <summary>F_GETLK for an owner.</summary>
    /// <param name="owner">who asks</param>
    /// <param name="node">the file</param>
    /// <param name="range">what is asked for; then the lock that is in the way</param>
    /// <param name="process">the guest's process that holds it; 0 where that is none of the guest's</param>
    internal int Get(ulong owner, SafeFileHandle node, ref RangeLock range, out uint process)
    {
        process = 0;
        lock (_lock)
        {
            bool isNew = _owners == null || !_owners.ContainsKey(owner);
            int error = FileOf(new LockRequest(owner, 0, false, 0), node, forWriting: false, out SafeFileHandle file);
            if (error == 0) error = FileCall.GetLock(file, ref range);
            if (isNew) Release(owner);
            if (error == 0 && range.Kind != RangeLock.None) process = HolderOf(range, owner);
            return error;
        }
    }

    /// <summary>Gives up all locks of an owner, as close(2) of any descriptor does; fcntl(2).</summary>
    /// <returns>whether there were any</returns>
    internal bool Release(ulong owner)
    {
        lock (_lock)
        {
            if (_owners == null || !_owners.Remove(owner, out LockOwner? found)) return false;
            found.File.Dispose();
            return true;
        }
    }

    /// <summary>Gives up the locks of those who locked by an open file that is closed for good. The kernel tells of locks
    /// of open file descriptions (F_OFD_SETLK in the guest) in no other way.</summary>
    /// <returns>whether there were any</returns>
    internal bool ReleaseHandle(ulong handle)
    {
        lock (_lock)
        {
            if (_owners == null) return false;
            ulong[] owners = [.. _owners.Where(pair => pair.Value.Handle == handle).Select(static pair => pair.Key)];
            foreach (ulong owner in owners) Release(owner);
            return owners.Length > 0;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            if (_owners == null) return;
            foreach (LockOwner owner in _owners.Values) owner.File.Dispose();
            _owners = null;
        }
    }

    // The kernel does not tell whose an OFD lock is. The holder is the one in whose way it is not.
    private uint HolderOf(RangeLock range, ulong asking)
    {
        foreach ((ulong owner, LockOwner holder) in _owners!)
        {
            if (owner == asking) continue;
            RangeLock inTheWay = range with { Kind = RangeLock.Write };
            if (FileCall.GetLock(holder.File, ref inTheWay) == 0 && inTheWay != range) return holder.Process;
        }

        return 0;
    }

    private int FileOf(in LockRequest asked, SafeFileHandle node, bool forWriting, out SafeFileHandle file)
    {
        file = null!;
        if (_disposed) return -(int)Errno.EBADF;
        _owners ??= [];
        bool isKnown = _owners.TryGetValue(asked.Owner, out LockOwner? known);
        if (isKnown && (known!.Writable || !forWriting))
        {
            file = known.File;
            return 0;
        }

        if (!isKnown && _owners.Count >= MostOwners) return -(int)Errno.ENOLCK;
        int error = LockFiles.Open(node, asked.Writable, highest, out file);
        if (error < 0) return error;
        // It held read locks by a file that cannot have others; they stay held all the time.
        if (isKnown) error = LockFiles.CopyLocks(known!.File, file);
        if (error < 0)
        {
            file.Dispose();
            return error;
        }

        _owners[asked.Owner] = new LockOwner(file, asked.Handle, asked.Writable, asked.Process);
        known?.File.Dispose();
        return 0;
    }
}
