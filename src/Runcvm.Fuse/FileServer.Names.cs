using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    // RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT of linux/fs.h.
    private const uint RenameFlags = 7;
    private const uint NoReplace = 1;
    private const uint Exchange = 2;

    private int Mkdir(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out MkdirIn mkdir)) return Fail(Errno.EINVAL);
        int error = Place(header, body, out NodeLease parent, out EntryName name);
        using NodeLease held = parent;
        if (error < 0) return error;
        uint mode = Masked(held, mkdir.Mode, mkdir.Umask);
        error = FileCall.MakeDirectory(held.File, name, mode & Permissions);
        return error < 0 ? error : Made(header, held, name, (uint)FileKind.Directory | mode, ref reply);
    }

    private int Mknod(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out MknodIn mknod)) return Fail(Errno.EINVAL);
        int error = Place(header, body, out NodeLease parent, out EntryName name);
        using NodeLease held = parent;
        if (error < 0) return error;
        uint mode = Masked(held, mknod.Mode, mknod.Umask);
        error = FileCall.MakeNode(held.File, name, mode, mknod.Rdev);
        return error < 0 ? error : Made(header, held, name, mode, ref reply);
    }

    private int Symlink(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        // The name comes first, then what the link says.
        int error = Place(header, ref body, out NodeLease parent, out EntryName name);
        using NodeLease held = parent;
        if (error < 0) return error;
        error = body.ReadText(out ReadOnlySpan<byte> target);
        if (error < 0) return error;
        error = FileCall.MakeSymbolicLink(target, held.File, name);
        return error < 0 ? error : Made(header, held, name, (uint)FileKind.Link, ref reply);
    }

    private int Link(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out LinkIn link)) return Fail(Errno.EINVAL);
        int error = Place(header, body, out NodeLease parent, out EntryName name);
        using NodeLease held = parent;
        if (error < 0) return error;
        using NodeLease node = _nodes.Lease(link.Oldnodeid);
        if (node.Node == null) return node.Error;
        error = FileCall.MakeLink(node.File, held.File, name);
        if (error < 0) return error;
        error = Enter(held, name, out EntryOut entry);
        return error < 0 ? error : Put(ref reply, entry);
    }

    private int Readlink(in RequestHeader header, ref Reply reply)
    {
        using NodeLease node = _nodes.Lease(header.Nodeid);
        if (node.Node == null) return node.Error;
        if (node.Node.Kind != FileKind.Link) return Fail(Errno.EINVAL);
        long length = FileCall.ReadLink(node.File, reply.Room[..4096]);
        if (length < 0) return (int)length;
        reply.Advance((int)length);
        return 0;
    }

    private int Unlink(in RequestHeader header, RequestBody body)
    {
        int error = Place(header, body, out NodeLease parent, out EntryName name);
        using NodeLease held = parent;
        if (error < 0) return error;
        _nodes.KeepEntry(held, name);
        return FileCall.Unlink(held.File, name);
    }

    private int Rmdir(in RequestHeader header, RequestBody body)
    {
        int error = Place(header, body, out NodeLease parent, out EntryName name);
        using NodeLease held = parent;
        if (error < 0) return error;
        _nodes.KeepEntry(held, name);
        return FileCall.RemoveDirectory(held.File, name);
    }

    private int Rename(in RequestHeader header, RequestBody body)
        => body.TryRead(out RenameIn rename) ? Rename(header, body, rename.Newdir, 0) : Fail(Errno.EINVAL);

    private int Rename2(in RequestHeader header, RequestBody body)
        => body.TryRead(out Rename2In rename) && (rename.Flags & ~RenameFlags) == 0
            ? Rename(header, body, rename.Newdir, rename.Flags)
            : Fail(Errno.EINVAL);

    private int Rename(in RequestHeader header, RequestBody body, ulong newDirectory, uint flags)
    {
        int error = Place(header, ref body, out NodeLease parent, out EntryName name);
        using NodeLease from = parent;
        if (error < 0) return error;
        error = body.Read(out EntryName newName);
        if (error < 0) return error;
        using NodeLease to = _nodes.Lease(newDirectory);
        if (to.Node == null) return to.Error;
        if (IsHidden(to.Node, newName.Bytes)) return Fail(Errno.EPERM);
        if ((flags & (NoReplace | Exchange)) == 0) _nodes.KeepEntry(to, newName);
        error = FileCall.Rename(from.File, name, to.File, newName, flags);
        if (error < 0) return error;
        Moved(to, newName);
        if ((flags & Exchange) != 0) Moved(from, name);
        return 0;
    }

    private void Moved(in NodeLease folder, scoped EntryName name)
    {
        if (FileCall.Status(folder.File, name, out NodeStatus status) == 0) _nodes.Moved(folder.Node!, name.Bytes, status);
    }

    private int Place(in RequestHeader header, RequestBody body, out NodeLease parent, out EntryName name)
    {
        RequestBody rest = body;
        return Place(header, ref rest, out parent, out name);
    }

    /// <summary>Reads the name of an entry in the request's folder.</summary>
    private int Place(in RequestHeader header, scoped ref RequestBody body, out NodeLease parent, out EntryName name)
    {
        parent = default;
        int error = body.Read(out name);
        if (error < 0) return error;
        parent = _nodes.Lease(header.Nodeid);
        return parent.Node switch
        {
            null => parent.Error,
            { Kind: not FileKind.Directory } => Fail(Errno.ENOTDIR),
            { } folder when IsHidden(folder, name.Bytes) => Fail(Errno.EPERM),
            _ => 0,
        };
    }

    private static int Put(ref Reply reply, in EntryOut entry)
    {
        reply.Put(entry);
        return 0;
    }
}
