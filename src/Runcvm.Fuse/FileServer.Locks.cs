using Runcvm.Fuse.Handles;
using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.Forwarding;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    private int Getlk(RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out LkIn get) || !TryRange(get.Lk, out RangeLock range)) return Fail(Errno.EINVAL);
        using HandleLease<OpenFile> file = _handles.Lease<OpenFile>(get.Fh);
        if (file.Handle == null) return Fail(Errno.EBADF);
        using NodeLease node = _nodes.Lease(file.Handle.Node.Id);
        if (node.Node == null) return Fail(Errno.EBADF);
        int error = node.Node.Locks.Get(get.Owner, node.File, ref range);
        if (error < 0) return error;
        ulong end = range.Length == 0 ? long.MaxValue : (ulong)(range.Start + range.Length - 1);
        reply.Put(new LkOut(new FileLock((ulong)range.Start, end, (uint)range.Kind, 0)));
        return 0;
    }

    private int Setlk(in RequestHeader header, RequestBody body, bool wait)
    {
        if (!body.TryRead(out LkIn set) || !TryRange(set.Lk, out RangeLock range)) return Fail(Errno.EINVAL);
        bool whole = (set.LkFlags & RequestBits.LockIsFlock) != 0;
        using HandleLease<OpenFile> file = _handles.Lease<OpenFile>(set.Fh);
        if (file.Handle == null) return Fail(Errno.EBADF);
        using NodeLease node = _nodes.Lease(file.Handle.Node.Id);
        if (node.Node == null) return Fail(Errno.EBADF);
        _ = header;
        _ = wait;
        return whole ? FileCall.LockWhole(file.Handle.File, range.Kind) : node.Node.Locks.Set(set.Owner, node.File, range);
    }

    private static int Interrupt(RequestBody body)
    {
        _ = body.TryRead(out InterruptIn _);
        return NoReply;
    }

    private static bool TryRange(in FileLock wire, out RangeLock range)
    {
        range = default;
        if (wire.Start > long.MaxValue || wire.End > long.MaxValue || wire.End < wire.Start || wire.Type > 2) return false;
        long length = wire.End == long.MaxValue ? 0 : (long)(wire.End - wire.Start) + 1;
        range = new RangeLock((short)wire.Type, (long)wire.Start, length);
        return true;
    }
}
