using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    private ulong Validity => _cache switch { CachePolicy.None => 0, CachePolicy.Always => 86400, _ => 1 };

    private int Lookup(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        int error = body.Read(out EntryName name);
        if (error < 0) return error;
        using NodeLease parent = _nodes.Lease(header.Nodeid);
        if (parent.Node == null) return parent.Error;
        error = Enter(parent, name, out EntryOut entry);
        // An entry without a node says for how long there is none; with no time, ENOENT says the same in fewer bytes.
        if (error == Fail(Errno.ENOENT) && Validity > 0)
        {
            reply.Put(new EntryOut { EntryValid = Validity });
            return 0;
        }

        if (error == 0) reply.Put(entry);
        return error;
    }

    private int Forget(in RequestHeader header, RequestBody body)
    {
        if (body.TryRead(out ForgetIn forget)) _nodes.Forget(header.Nodeid, forget.Nlookup);
        return NoReply;
    }

    private int BatchForget(RequestBody body)
    {
        if (!body.TryRead(out BatchForgetIn batch)) return NoReply;
        for (uint i = 0; i < batch.Count && body.TryRead(out ForgetOne one); i++) _nodes.Forget(one.Nodeid, one.Nlookup);
        return NoReply;
    }

    /// <summary>Takes an entry in as a node and counts the look.</summary>
    private int Enter(in NodeLease parent, EntryName name, out EntryOut entry)
    {
        entry = default;
        if (parent.Node!.Kind != FileKind.Directory) return Fail(Errno.ENOTDIR);
        if (IsHidden(parent.Node, name.Bytes)) return Fail(Errno.ENOENT);
        int error = FileCall.Status(parent.File, name, out NodeStatus status);
        if (error < 0) return error;
        if (_nodes.IsFull) return Fail(Errno.ENOMEM);
        if (status.Mount != parent.Node.Key.Mount) NoteMount(parent, name, status);
        SafeFileHandle? file = null;
        // Where the file system does not tell when a file was made, only a descriptor makes sure that it stays the same one.
        if (status.Born == null && !_nodes.Has(status))
        {
            error = FileCall.Open(parent.File, name, OpenFlags.Path, 0, out file);
            if (error == 0) error = FileCall.Status(file, out status);
            if (error == 0 && IsTooMany(file)) error = Fail(Errno.ENFILE);
            if (error < 0)
            {
                file.Dispose();
                return error;
            }
        }

        entry = EntryOf(_nodes.Remember(parent.Node, name.Bytes, status, file), status);
        return 0;
    }

    private EntryOut EntryOf(ServedNode node, in NodeStatus status) => new(node.Id, 0, Validity, Validity, 0, 0, AttrOf(status));

    // For a node that was just made, and has a descriptor.
    private int RoomFor(SafeFileHandle file)
    {
        if (IsTooMany(file)) return Fail(Errno.ENFILE);
        return _nodes.IsFull ? Fail(Errno.ENOMEM) : 0;
    }

    private bool IsTooMany(SafeFileHandle file) => DescriptorLimit.IsReachedBy(file, (nint)_mostDescriptors);

    private Attr AttrOf(in NodeStatus s) => new(
        _inodes.Of(s.Device, s.Inode), s.Size, s.Blocks, s.Accessed.Seconds, s.Modified.Seconds, s.Changed.Seconds,
        s.Accessed.Nanoseconds, s.Modified.Nanoseconds, s.Changed.Nanoseconds, s.Mode, s.Links, s.Owner, s.Group,
        s.SpecialDevice, s.BlockSize, 0);
}
