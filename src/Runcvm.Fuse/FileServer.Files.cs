using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Handles;
using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    private int Open(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out OpenIn open)) return Fail(Errno.EINVAL);
        using NodeLease node = _nodes.Lease(header.Nodeid);
        if (node.Node == null) return node.Error;
        int error = Open(node.Node, node.File, open.Flags, open.OpenFlags, out OpenOut opened);
        if (error == 0) reply.Put(opened);
        return error;
    }

    private int Create(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out CreateIn create)) return Fail(Errno.EINVAL);
        int error = Place(header, body, out NodeLease parent, out EntryName name);
        using NodeLease held = parent;
        if (error < 0) return error;
        uint mode = Masked(held, create.Mode, create.Umask) & Permissions;
        // O_EXCL: what is there already may be a pipe or a device, and is looked at before it is opened.
        OpenFlags flags = HostFlags(create.Flags & ~GuestFlags.Truncate) | OpenFlags.Create | OpenFlags.Exclusive;
        error = FileCall.Open(held.File, name, flags, mode, out SafeFileHandle file);
        if (error == Fail(Errno.EEXIST) && (create.Flags & GuestFlags.Exclusive) == 0)
        {
            file.Dispose();
            return OpenExisting(held, name, create, ref reply);
        }

        if (error == 0)
        {
            error = Give(header, held, file, (uint)FileKind.Regular | mode);
            if (error < 0) FileCall.Unlink(held.File, name);
        }

        return Created(held.Node!, name.Bytes, error, file, create.Flags, ref reply);
    }

    private int OpenExisting(in NodeLease parent, scoped EntryName name, in CreateIn create, ref Reply reply)
    {
        int error = Enter(parent, name, out EntryOut entry);
        if (error < 0) return error;
        OpenOut opened = default;
        using (NodeLease node = _nodes.Lease(entry.Nodeid))
        {
            if (node.Node == null) return Fail(Errno.ESTALE);
            // The kernel believed that nothing was there; with ESTALE it looks again, and then follows the link or opens the device.
            error = node.Node.Kind == FileKind.Regular
                ? Open(node.Node, node.File, create.Flags, create.OpenFlags, out opened)
                : Fail(Errno.ESTALE);
        }

        if (error < 0)
        {
            _nodes.Forget(entry.Nodeid, 1);
            return error;
        }

        reply.Put(entry);
        reply.Put(opened);
        return 0;
    }

    private int Tmpfile(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out CreateIn create)) return Fail(Errno.EINVAL);
        using NodeLease parent = _nodes.Lease(header.Nodeid);
        if (parent.Node == null) return parent.Error;
        if (parent.Node.Kind != FileKind.Directory) return Fail(Errno.ENOTDIR);
        uint mode = Masked(parent, create.Mode, create.Umask) & Permissions;
        OpenFlags flags = HostFlags(create.Flags & ~GuestFlags.Truncate) | OpenFlags.TemporaryFile;
        if ((create.Flags & GuestFlags.Exclusive) != 0) flags |= OpenFlags.Exclusive;
        int error = FileCall.Reopen(parent.File, flags, mode, out SafeFileHandle file);
        if (error == 0) error = Give(header, parent, file, (uint)FileKind.Regular | mode);
        return Created(parent.Node, default, error, file, create.Flags, ref reply);
    }

    /// <summary>Takes in a file that was just made and opened.</summary>
    private int Created(ServedNode folder, scoped ReadOnlySpan<byte> name, int error, SafeFileHandle file, uint flags, ref Reply reply)
    {
        NodeStatus status = default;
        if (error == 0) error = FileCall.Status(file, out status);
        if (error == 0) error = RoomFor(file);
        SafeFileHandle? path = null;
        // As for any node where the file system does not tell when it was made; and a file without a name cannot be found by one.
        if (error == 0 && (status.Born == null || name.IsEmpty)) error = FileCall.Reopen(file, OpenFlags.Path, 0, out path);
        if (error < 0)
        {
            path?.Dispose();
            file.Dispose();
            return error;
        }

        ServedNode node = _nodes.Remember(folder, name, status, path);
        reply.Put(EntryOf(node, status));
        reply.Put(new OpenOut(_handles.Add(new OpenFile(file, node, flags)), CacheFlags(node, file, flags, status), 0));
        return 0;
    }

    private int Open(ServedNode node, SafeFileHandle path, uint flags, uint openFlags, out OpenOut opened)
    {
        opened = default;
        // Opening a pipe may wait for ever, opening a device may act: both are the guest's kernel's business.
        if (node.Kind != FileKind.Regular) return Fail(node.Kind == FileKind.Directory ? Errno.EISDIR : Errno.EINVAL);
        if (node.ReadOnly && (IsForWriting(flags) || (flags & GuestFlags.Truncate) != 0)) return Fail(Errno.EROFS);
        if (_cache != CachePolicy.Auto || !IsForWriting(flags))
            return OpenRegular(node, path, flags, openFlags, out opened);
        // One at a time, or the guest's own programs would be taken for strangers. Nothing waits in here: others that
        // open the same file would keep all threads. Nothing else than what opens for writing locks a node itself.
        lock (node)
        {
            if (node.Writers == 0) node.IsContested = IsOpenForWriting(path);
            int error = FileCall.Reopen(path, HostFlags(flags), 0, out SafeFileHandle file);
            if (error != Fail(Errno.EAGAIN)) return Opened(error, file, node, path, flags, openFlags, out opened);
            file.Dispose();
            // Another machine's server is looking as well, because it is about to write.
            node.IsContested = true;
        }

        return OpenRegular(node, path, flags, openFlags, out opened);
    }

    private int OpenRegular(ServedNode node, SafeFileHandle path, uint flags, uint openFlags, out OpenOut opened)
    {
        int error = FileCall.Reopen(path, HostFlags(flags), 0, out SafeFileHandle file);
        if (error == Fail(Errno.EAGAIN))
        {
            // Another server of the same file has a lease on it (fcntl(2), F_SETLEASE) and is asked to give it back.
            file.Dispose();
            error = FileCall.Reopen(path, HostFlags(flags) & ~OpenFlags.NonBlocking, 0, out file);
        }

        return Opened(error, file, node, path, flags, openFlags, out opened);
    }

    private int Opened(
        int error, SafeFileHandle file, ServedNode node, SafeFileHandle path, uint flags, uint openFlags,
        out OpenOut opened)
    {
        opened = default;
        if (error == 0 && IsTooMany(file)) error = Fail(Errno.ENFILE);
        if (error == 0 && (openFlags & RequestBits.OpenKillSuidgid) != 0 && !node.ReadOnly) error = DropPrivilegeBits(path);
        if (error == 0 && (flags & GuestFlags.Truncate) != 0) NoteChange();
        NodeStatus status = default;
        if (error == 0) error = FileCall.Status(file, out status);
        if (error < 0)
        {
            file.Dispose();
            return error;
        }

        opened = new OpenOut(_handles.Add(new OpenFile(file, node, flags)), CacheFlags(node, file, flags, status), 0);
        return 0;
    }

    private int Release(RequestBody body)
    {
        if (!body.TryRead(out ReleaseIn release)) return Fail(Errno.EINVAL);
        bool hadLocks;
        using (HandleLease<OpenFile> file = _handles.Lease<OpenFile>(release.Fh))
        {
            if (file.Handle is not { } open) return Fail(Errno.EBADF);
            // First: files by which processes lock are open for writing, and belong to handles that are.
            if ((release.ReleaseFlags & RequestBits.ReleaseFlush) != 0) ReleaseLocks(open.Node, release.LockOwner);
            hadLocks = open.Node.Locks?.ReleaseHandle(release.Fh) == true;
        }

        if (_handles.Remove<OpenFile>(release.Fh) is null) return Fail(Errno.EBADF);
        if (hadLocks || (release.ReleaseFlags & RequestBits.ReleaseFlockUnlock) != 0) _waiting.Retry();
        return 0;
    }

    // Where it cannot be told, nobody is.
    private static bool IsOpenForWriting(SafeFileHandle path)
    {
        int error = FileCall.Reopen(path, OpenFlags.ReadOnly | OpenFlags.NonBlocking, 0, out SafeFileHandle file);
        using (file)
            return error == 0 && FileCall.IsOpenForWriting(file, out bool isOpen) == 0 && isOpen
                && FileCall.FileSystemStatus(file, out FileSystemStatus of) == 0 && of.TellsByLeases;
    }

    private static bool IsForWriting(uint flags) => (flags & GuestFlags.AccessMode) != 0;

    // What is left out: O_APPEND is done write by write, for the guest can switch it; O_DIRECT's rules of alignment are
    // the host's disk's, which the guest cannot know; the rest is the guest's kernel's own business.
    private static OpenFlags HostFlags(uint flags)
    {
        OpenFlags host = OpenFlags.NonBlocking | (flags & GuestFlags.AccessMode) switch
        {
            0 => OpenFlags.ReadOnly,
            1 => OpenFlags.WriteOnly,
            _ => OpenFlags.ReadWrite,
        };
        if ((flags & GuestFlags.Truncate) != 0) host |= OpenFlags.Truncate;
        if ((flags & GuestFlags.Synchronous) == GuestFlags.Synchronous) host |= OpenFlags.Synchronous;
        else if ((flags & GuestFlags.DataSynchronous) != 0) host |= OpenFlags.DataSynchronous;
        if ((flags & GuestFlags.NoAccessTime) != 0) host |= OpenFlags.NoAccessTime;
        return host;
    }

    // Direct: what is read or written does not go through the guest's cache of pages.
    // A write that only appends: the kernel would make two of one that crosses a page, and what another machine appends
    // could come between them. But those who read the file in the same machine must see what was appended.
    // A file that another machine, or a program of the host, has open for writing: two kernels cannot both have it in
    // memory that programs write, and what one of them wrote would be lost without a word. So it cannot be mapped
    // (ENODEV), and is read and written at its place.
    // A file whose size says nothing: the guest's kernel reads no further than to the size. Only where it is read: one
    // that was just made is empty, and may be mapped.
    private OpenReplyFlags CacheFlags(ServedNode node, SafeFileHandle file, uint flags, in NodeStatus status)
    {
        const uint OnlyAppends = GuestFlags.WriteOnly | GuestFlags.Append;
        if (_keepsPagesRight && _cache != CachePolicy.Always
            && (flags & (GuestFlags.AccessMode | GuestFlags.Append)) == OnlyAppends)
            return OpenReplyFlags.DirectIo;
        if (node.IsContested && (flags & GuestFlags.AccessMode) == GuestFlags.ReadWrite) return OpenReplyFlags.DirectIo;
        if (status.Size == 0 && !IsForWriting(flags)
            && FileCall.FileSystemStatus(file, out FileSystemStatus of) == 0
            && of.MakesContentsOnReading)
            return OpenReplyFlags.DirectIo;
        if (_cache == CachePolicy.Always) return OpenReplyFlags.KeepCache;
        if (_cache == CachePolicy.None)
            return _agreed.HasFlag(InitFlags.DirectIoAllowMmap) ? OpenReplyFlags.DirectIo : OpenReplyFlags.None;
        ContentStamp? before = node.LastOpened;
        ContentStamp? now = ContentStamp.Of(status);
        node.LastOpened = now;
        return now != null && now == before ? OpenReplyFlags.KeepCache : OpenReplyFlags.None;
    }
}
