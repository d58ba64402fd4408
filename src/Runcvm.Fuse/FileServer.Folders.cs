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
    // A folder that is half read keeps this much; a guest may have many open.
    private const int RecordsBuffer = 4096;

    private int Opendir(in RequestHeader header, ref Reply reply)
    {
        using NodeLease node = _nodes.Lease(header.Nodeid);
        if (node.Node == null) return node.Error;
        if (node.Node.Kind != FileKind.Directory) return Fail(Errno.ENOTDIR);
        int error = FileCall.Reopen(node.File, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out SafeFileHandle file);
        if (error == 0 && IsTooMany(file)) error = Fail(Errno.ENFILE);
        if (error < 0)
        {
            file.Dispose();
            return error;
        }

        OpenReplyFlags flags = _cache == CachePolicy.Always ? OpenReplyFlags.CacheDir | OpenReplyFlags.KeepCache : 0;
        reply.Put(new OpenOut(_handles.Add(new OpenFolder(file, node.Node)), flags, 0));
        return 0;
    }

    private int Releasedir(RequestBody body)
    {
        if (!body.TryRead(out ReleaseIn release)) return Fail(Errno.EINVAL);
        return _handles.Remove<OpenFolder>(release.Fh) != null ? 0 : Fail(Errno.EBADF);
    }

    private int Fsyncdir(RequestBody body)
    {
        if (!body.TryRead(out FsyncIn fsync)) return Fail(Errno.EINVAL);
        using HandleLease<OpenFolder> folder = _handles.Lease<OpenFolder>(fsync.Fh);
        if (folder.Handle == null) return Fail(Errno.EBADF);
        return FileCall.Sync(folder.Handle.File, (fsync.FsyncFlags & RequestBits.FsyncDataOnly) != 0);
    }

    private int Readdir(RequestBody body, ref Reply reply, bool plus)
    {
        if (!body.TryRead(out ReadIn read) || read.Size > MostData || read.Offset > long.MaxValue) return Fail(Errno.EINVAL);
        using HandleLease<OpenFolder> folder = _handles.Lease<OpenFolder>(read.Fh);
        if (folder.Handle == null) return Fail(Errno.EBADF);
        using NodeLease node = _nodes.Lease(folder.Handle.Node.Id);
        if (node.Node == null) return Fail(Errno.EBADF);
        lock (folder.Handle.Reading) return Readdir(folder.Handle, node, read, ref reply, plus);
    }

    private int Readdir(OpenFolder folder, in NodeLease node, in ReadIn read, ref Reply reply, bool plus)
    {
        long position = (long)read.Offset;
        if (position != folder.Position || position == 0)
        {
            folder.Records = default;
            long sought = FileCall.SeekFolder(folder.File, position);
            if (sought < 0) return (int)sought;
            folder.Position = position;
        }

        while (true)
        {
            if (folder.Records.IsEmpty)
            {
                byte[] buffer = new byte[RecordsBuffer];
                long n = FileCall.ReadFolder(folder.File, buffer);
                if (n < 0) return reply.Length > 0 ? 0 : (int)n;
                if (n == 0) return 0;
                folder.Records = buffer.AsMemory(0, (int)n);
            }

            var record = new FolderRecord(folder.Records.Span);
            int size = (plus ? EntryOut.Size : 0) + Dirent.Size + ((record.Name.Length + 7) & ~7);
            if (reply.Length + size > read.Size) return 0;
            if (!IsHidden(folder.Node, record.Name))
            {
                if (plus) reply.Put(EntryOf(node, record));
                Put(ref reply, node, record);
            }

            folder.Position = record.Next;
            folder.Records = folder.Records[record.Length..];
        }
    }

    private void Put(ref Reply reply, in NodeLease folder, FolderRecord record)
    {
        // The number of the folder above the root is none of the guest's business.
        bool isAboveRoot = folder.Node!.IsRoot && record.Name is [(byte)'.', (byte)'.'];
        ulong inode = isAboveRoot ? folder.Node!.Key.Inode : record.Inode;
        reply.Put(new Dirent(_inodes.Of(folder.Node!.Key.Device, inode), (ulong)record.Next, (uint)record.Name.Length, record.Type));
        int padded = (record.Name.Length + 7) & ~7;
        reply.Room[..padded].Clear();
        record.Name.CopyTo(reply.Room);
        reply.Advance(padded);
    }

    /// <summary>The node of a folder's entry; none for "." and "..", and where it is gone already or cannot be had: the
    /// kernel takes that as a name of which it knows no more.</summary>
    private EntryOut EntryOf(in NodeLease folder, FolderRecord record)
    {
        if (record.IsDot || EntryName.Read(record.NameAndZero, out EntryName name) < 0) return default;
        return Enter(folder, name, out EntryOut entry) == 0 ? entry : default;
    }
}
