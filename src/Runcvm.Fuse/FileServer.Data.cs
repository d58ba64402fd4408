using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Handles;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    // A thread is not to be busy for minutes with one request; the caller goes on where a short copy ended.
    private const long MostCopied = 64 * MostData;
    private const uint SeekData = 3;
    private const uint SeekHole = 4;

    private int Read(RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out ReadIn read) || read.Size > MostData || read.Offset > long.MaxValue) return Fail(Errno.EINVAL);
        using HandleLease<OpenFile> file = _handles.Lease<OpenFile>(read.Fh);
        if (file.Handle == null) return Fail(Errno.EBADF);
        long n = FileCall.Read(file.Handle.File, reply.Room[..(int)read.Size], (long)read.Offset);
        if (n < 0) return (int)n;
        reply.Advance((int)n);
        return 0;
    }

    private int Write(RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out WriteIn write) || write.Size > body.Rest.Length || write.Offset > long.MaxValue) return Fail(Errno.EINVAL);
        using HandleLease<OpenFile> file = _handles.Lease<OpenFile>(write.Fh);
        if (file.Handle is not { Writable: true }) return Fail(Errno.EBADF);
        if (write.WriteFlags.HasFlag(WriteFlags.KillSuidgid))
        {
            int error = DropPrivilegeBits(file.Handle.File);
            if (error < 0) return error;
        }

        file.Handle.Written = true;
        ReadOnlySpan<byte> data = body.Rest[..(int)write.Size];
        // Pages of a mapping are written back through any open file: their place counts, however that file was opened.
        bool append = (write.Flags & GuestFlags.Append) != 0 && !write.WriteFlags.HasFlag(WriteFlags.Cache);
        long n = append
            ? FileCall.Append(file.Handle.File, data)
            : Write(file.Handle.File, data, (long)write.Offset, all: write.WriteFlags.HasFlag(WriteFlags.Cache));
        if (n < 0) return (int)n;
        // RWF_DSYNC and RWF_SYNC in the guest ask for one write what O_DSYNC asks for all.
        if ((write.Flags & GuestFlags.DataSynchronous) != 0 && !file.Handle.Synchronous)
        {
            int error = FileCall.Sync(file.Handle.File, dataOnly: true);
            if (error < 0) return error;
        }

        reply.Put(new WriteOut((uint)n, 0));
        return 0;
    }

    // The guest's kernel takes pages of its cache for written when there is no error, however much was written.
    private static long Write(SafeFileHandle file, ReadOnlySpan<byte> data, long offset, bool all)
    {
        int done = 0;
        while (true)
        {
            long n = FileCall.Write(file, data[done..], offset + done);
            if (n < 0) return n;
            done += (int)n;
            if (!all || n == 0 || done == data.Length) return done;
        }
    }

    private int Flush(RequestBody body)
    {
        if (!body.TryRead(out FlushIn flush)) return Fail(Errno.EINVAL);
        using HandleLease<OpenFile> file = _handles.Lease<OpenFile>(flush.Fh);
        if (file.Handle == null) return Fail(Errno.EBADF);
        ReleaseLocks(file.Handle.Node, flush.LockOwner);
        return file.Handle.Written ? FileCall.Flush(file.Handle.File) : 0;
    }

    private int Fsync(RequestBody body)
    {
        if (!body.TryRead(out FsyncIn fsync)) return Fail(Errno.EINVAL);
        using HandleLease<OpenFile> file = _handles.Lease<OpenFile>(fsync.Fh);
        if (file.Handle == null) return Fail(Errno.EBADF);
        return FileCall.Sync(file.Handle.File, (fsync.FsyncFlags & RequestBits.FsyncDataOnly) != 0);
    }

    private int Fallocate(in RequestHeader header, RequestBody body)
    {
        if (!body.TryRead(out FallocateIn allocate) || allocate.Offset > long.MaxValue || allocate.Length > long.MaxValue)
            return Fail(Errno.EINVAL);
        using HandleLease<OpenFile> file = _handles.Lease<OpenFile>(allocate.Fh);
        if (file.Handle is not { Writable: true }) return Fail(Errno.EBADF);
        int error = DropPrivilegeBits(header, file.Handle);
        if (error < 0) return error;
        return FileCall.Allocate(file.Handle.File, (int)allocate.Mode, (long)allocate.Offset, (long)allocate.Length);
    }

    private int Lseek(RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out LseekIn seek) || seek.Offset > long.MaxValue || seek.Whence is not (SeekData or SeekHole))
            return Fail(Errno.EINVAL);
        using HandleLease<OpenFile> file = _handles.Lease<OpenFile>(seek.Fh);
        if (file.Handle == null) return Fail(Errno.EBADF);
        long offset = FileCall.SeekData(file.Handle.File, (long)seek.Offset, seek.Whence == SeekHole);
        if (offset < 0) return (int)offset;
        reply.Put(new LseekOut((ulong)offset));
        return 0;
    }

    private int CopyFileRange(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out CopyFileRangeIn copy) || copy.Flags != 0 || copy.OffIn > long.MaxValue || copy.OffOut > long.MaxValue)
            return Fail(Errno.EINVAL);
        using HandleLease<OpenFile> from = _handles.Lease<OpenFile>(copy.FhIn);
        using HandleLease<OpenFile> to = _handles.Lease<OpenFile>(copy.FhOut);
        if (from.Handle == null || to.Handle is not { Writable: true }) return Fail(Errno.EBADF);
        int error = DropPrivilegeBits(header, to.Handle);
        if (error < 0) return error;
        to.Handle.Written = true;
        long n = FileCall.Copy(
            from.Handle.File, (long)copy.OffIn, to.Handle.File, (long)copy.OffOut, (long)Math.Min(copy.Len, MostCopied));
        if (n < 0) return (int)n;
        reply.Put(new WriteOut((uint)n, 0));
        return 0;
    }

    // These requests do not say whether the caller has CAP_FSETID, as FUSE_WRITE does: whoever is not root is taken not to.
    private static int DropPrivilegeBits(in RequestHeader header, OpenFile file) => header.Uid == 0 ? 0 : DropPrivilegeBits(file.File);
}
