using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    // XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h.
    private const int LongestAttribute = 65536;

    private int Setxattr(in RequestHeader header, RequestBody body)
    {
        if (!body.TryRead(out SetxattrIn set)) return Fail(Errno.EINVAL);
        SetxattrFlags more = default;
        if (_agreed.HasFlag(InitFlags.SetxattrExt) && !body.TryRead(out more)) return Fail(Errno.EINVAL);
        int error = body.ReadText(out ReadOnlySpan<byte> name);
        if (error < 0) return error;
        if (set.Size > LongestAttribute) return Fail(Errno.E2BIG);
        if (set.Size > body.Rest.Length) return Fail(Errno.EINVAL);
        using NodeLease node = _nodes.Lease(header.Nodeid);
        if (node.Node == null) return node.Error;
        error = FileCall.SetAttribute(node.File, name, body.Rest[..(int)set.Size], set.Flags);
        bool dropGroup = (more.Flags & RequestBits.SetxattrAclKillSgid) != 0;
        return error == 0 && dropGroup ? DropSetGroupId(node) : error;
    }

    private int Getxattr(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out GetxattrIn get)) return Fail(Errno.EINVAL);
        int error = body.ReadText(out ReadOnlySpan<byte> name);
        if (error < 0) return error;
        using NodeLease node = _nodes.Lease(header.Nodeid);
        if (node.Node == null) return node.Error;
        Span<byte> value = reply.Room[..(int)Math.Min(get.Size, LongestAttribute)];
        return PutSized(FileCall.GetAttribute(node.File, name, value), get.Size, ref reply);
    }

    private int Listxattr(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out GetxattrIn get)) return Fail(Errno.EINVAL);
        using NodeLease node = _nodes.Lease(header.Nodeid);
        if (node.Node == null) return node.Error;
        Span<byte> list = reply.Room[..(int)Math.Min(get.Size, LongestAttribute)];
        return PutSized(FileCall.ListAttributes(node.File, list), get.Size, ref reply);
    }

    private int Removexattr(in RequestHeader header, RequestBody body)
    {
        int error = body.ReadText(out ReadOnlySpan<byte> name);
        if (error < 0) return error;
        using NodeLease node = _nodes.Lease(header.Nodeid);
        return node.Node == null ? node.Error : FileCall.RemoveAttribute(node.File, name);
    }

    /// <summary>What was asked with no room is answered with the size alone.</summary>
    private static int PutSized(long result, uint room, ref Reply reply)
    {
        if (result < 0) return (int)result;
        if (room == 0) reply.Put(new GetxattrOut((uint)result, 0));
        else reply.Advance((int)result);
        return 0;
    }

    private static int DropSetGroupId(in NodeLease node)
    {
        int error = FileCall.Status(node.File, out NodeStatus status);
        if (error < 0 || (status.Mode & SetGroupId) == 0) return error;
        return FileCall.SetMode(node.File, status.Mode & Permissions & ~SetGroupId);
    }
}
