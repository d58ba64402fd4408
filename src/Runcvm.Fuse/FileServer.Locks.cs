using Runcvm.Fuse.Handles;
using Runcvm.Fuse.Locks;
using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    private readonly WaitingLocks _waiting;

    private int Getlk(RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out LkIn get) || !TryRange(get.Lk, out RangeLock range)) return Fail(Errno.EINVAL);
        using HandleLease<OpenFile> file = _handles.Lease<OpenFile>(get.Fh);
        if (file.Handle == null) return Fail(Errno.EBADF);
        using NodeLease node = _nodes.Lease(file.Handle.Node.Id);
        if (node.Node == null) return Fail(Errno.EBADF);
        int error = _nodes.LocksOf(node.Node).Get(get.Owner, node.File, ref range, out uint process);
        if (error < 0) return error;
        ulong end = range.Length == 0 ? long.MaxValue : (ulong)(range.Start + range.Length - 1);
        reply.Put(new LkOut(new FileLock((ulong)range.Start, end, (uint)range.Kind, process)));
        return 0;
    }

    private int Setlk(in RequestHeader header, RequestBody body, bool wait)
    {
        if (!body.TryRead(out LkIn set) || !TryRange(set.Lk, out RangeLock range)) return Fail(Errno.EINVAL);
        int result = wait && range.Kind != RangeLock.None
            ? _waiting.Add(new WaitingLock(header.Unique, () => Setlk(set, range))) ?? NoReply
            : Setlk(set, range);
        // Less than what was held before is a release as well, and so is a read lock in place of a write lock.
        if (result == 0 && range.Kind != RangeLock.Write) _waiting.Retry();
        return result;
    }

    private int Setlk(in LkIn set, RangeLock range)
    {
        using HandleLease<OpenFile> file = _handles.Lease<OpenFile>(set.Fh);
        if (file.Handle == null) return Fail(Errno.EBADF);
        if ((set.LkFlags & RequestBits.LockIsFlock) != 0) return FileCall.LockWhole(file.Handle.File, range.Kind);
        using NodeLease node = _nodes.Lease(file.Handle.Node.Id);
        if (node.Node == null) return Fail(Errno.EBADF);
        return _nodes.LocksOf(node.Node).Set(new LockRequest(set.Owner, set.Fh, file.Handle.Writable, set.Lk.Pid), node.File, range);
    }

    private void ReleaseLocks(ServedNode node, ulong owner)
    {
        if (node.Locks?.Release(owner) == true) _waiting.Retry();
    }

    /// <summary>FUSE_INTERRUPT has no answer; the request that it ends has.</summary>
    private int Interrupt(RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out InterruptIn interrupt) || !_waiting.TryInterrupt(interrupt.Unique)) return NoReply;
        reply.Unique = interrupt.Unique;
        return Fail(Errno.EINTR);
    }

    private void AnswerLater(ulong unique, int result)
    {
        byte[] message = new byte[ReplyHeader.Size];
        int length = new Reply(message) { Unique = unique }.Finish(result);
        _later(message.AsMemory(0, length));
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
