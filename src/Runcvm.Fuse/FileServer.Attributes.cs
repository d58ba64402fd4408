using Runcvm.Fuse.Handles;
using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    private const uint NanosecondsPerSecond = 1_000_000_000;

    private int Getattr(in RequestHeader header, ref Reply reply)
    {
        using NodeLease node = _nodes.Lease(header.Nodeid);
        return node.Node == null ? node.Error : PutAttributes(node, ref reply);
    }

    private int Setattr(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out SetattrIn set)) return Fail(Errno.EINVAL);
        using NodeLease node = _nodes.Lease(header.Nodeid);
        if (node.Node == null) return node.Error;
        // The owner before the mode: chown(2) clears bits that the mode may set.
        int error = SetOwner(node, set);
        if (error == 0 && set.Valid.HasFlag(SetattrValid.Mode)) error = FileCall.SetMode(node.File, set.Mode & Permissions);
        if (error == 0 && set.Valid.HasFlag(SetattrValid.Size)) error = SetSize(node, set);
        if (error == 0) error = SetTimes(node, set);
        return error < 0 ? error : PutAttributes(node, ref reply);
    }

    private static int SetOwner(in NodeLease node, in SetattrIn set)
    {
        if ((set.Valid & (SetattrValid.Uid | SetattrValid.Gid)) == 0) return 0;
        uint owner = set.Valid.HasFlag(SetattrValid.Uid) ? set.Uid : uint.MaxValue;
        uint group = set.Valid.HasFlag(SetattrValid.Gid) ? set.Gid : uint.MaxValue;
        return FileCall.SetOwner(node.File, owner, group);
    }

    private int SetSize(in NodeLease node, in SetattrIn set)
    {
        if (node.Node!.Kind != FileKind.Regular || set.Size > long.MaxValue) return Fail(Errno.EINVAL);
        int error;
        using (HandleLease<OpenFile> file = set.Valid.HasFlag(SetattrValid.Fh) ? _handles.Lease<OpenFile>(set.Fh) : default)
        {
            if (file.Handle is { Writable: true } open && open.Node == node.Node)
                error = FileCall.SetLength(open.File, (long)set.Size);
            // Which opens it for writing for a moment: see Open.
            else lock (node.Node) error = FileCall.Truncate(node.File, (long)set.Size);
        }

        return error == 0 && set.Valid.HasFlag(SetattrValid.KillSuidgid) ? DropPrivilegeBits(node.File) : error;
    }

    private static int SetTimes(in NodeLease node, in SetattrIn set)
    {
        TimeChange access = Change(set.Valid, SetattrValid.Atime, SetattrValid.AtimeNow);
        TimeChange modification = Change(set.Valid, SetattrValid.Mtime, SetattrValid.MtimeNow);
        if (access == TimeChange.Keep && modification == TimeChange.Keep) return 0;
        if (set.Atimensec >= NanosecondsPerSecond || set.Mtimensec >= NanosecondsPerSecond) return Fail(Errno.EINVAL);
        return FileCall.SetTimes(
            node.File, access, new NodeTime(set.Atime, set.Atimensec), modification, new NodeTime(set.Mtime, set.Mtimensec));
    }

    private static TimeChange Change(SetattrValid valid, SetattrValid set, SetattrValid now)
        => (valid & now) != 0 ? TimeChange.Now : (valid & set) != 0 ? TimeChange.Set : TimeChange.Keep;

    private int PutAttributes(in NodeLease node, ref Reply reply)
    {
        int error = FileCall.Status(node.File, out NodeStatus status);
        if (error == 0) reply.Put(new AttrOut(Validity, 0, 0, AttrOf(status)));
        return error;
    }

    private int Statfs(in RequestHeader header, ref Reply reply)
    {
        using NodeLease node = _nodes.Lease(header.Nodeid);
        if (node.Node == null) return node.Error;
        int error = FileCall.FileSystemStatus(node.File, out FileSystemStatus s);
        if (error < 0) return error;
        reply.Put(new Kstatfs(
            s.Blocks, s.FreeBlocks, s.AvailableBlocks, s.Inodes, s.FreeInodes, s.BlockSize, s.LongestName, s.FragmentSize));
        return 0;
    }

    private int Syncfs(in RequestHeader header)
    {
        using NodeLease node = _nodes.Lease(header.Nodeid);
        int error = Sync(node);
        int below = SyncMounts();
        return error < 0 ? error : below;
    }

    private static int Sync(in NodeLease node)
    {
        if (node.Node?.Kind is not (FileKind.Directory or FileKind.Regular)) return Fail(Errno.EINVAL);
        return Sync(node.File);
    }

    /// <summary>FUSE_ACCESS comes only from a mount without <c>default_permissions</c>; the mode decides then.</summary>
    private int Access(in RequestHeader header, RequestBody body)
    {
        if (!body.TryRead(out AccessIn access)) return Fail(Errno.EINVAL);
        using NodeLease node = _nodes.Lease(header.Nodeid);
        if (node.Node == null) return node.Error;
        int error = FileCall.Status(node.File, out NodeStatus status);
        if (error < 0) return error;
        const uint AnyExecute = 0x49;
        uint allowed = header.Uid == 0 ? 6 | ((status.Mode & AnyExecute) != 0 || status.Kind == FileKind.Directory ? 1u : 0)
            : header.Uid == status.Owner ? status.Mode >> 6
            : header.Gid == status.Group ? status.Mode >> 3
            : status.Mode;
        return (access.Mask & ~allowed & 7) == 0 ? 0 : Fail(Errno.EACCES);
    }
}
