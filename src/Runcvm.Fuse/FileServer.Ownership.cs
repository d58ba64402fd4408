using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;
using Runcvm.Linux.Files;
using Runcvm.Linux.Forwarding;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    private const uint Permissions = 0xFFF;
    private const uint SetUserId = 0x800;
    private const uint SetGroupId = 0x400;
    private const uint GroupExecute = 0x8;

    /// <summary>The mode of a new node: the umask counts only where the folder has no default ACL; umask(2). That is for
    /// the server to find out, because FUSE_DONT_MASK was agreed.</summary>
    private uint Masked(in NodeLease parent, uint mode, uint umask)
    {
        if (!_agreed.HasFlag(InitFlags.DontMask)) return mode;
        bool hasAcl = (umask & Permissions & mode) != 0 && FileCall.GetAttribute(parent.File, "system.posix_acl_default\0"u8, default) >= 0;
        return hasAcl ? mode : mode & ~(umask & 0x1FF);
    }

    /// <summary>Gives a new entry to the caller and puts it into the reply; takes it away again where that fails.</summary>
    private int Made(in RequestHeader header, in NodeLease parent, scoped EntryName name, uint mode, ref Reply reply)
    {
        int error = FileCall.Open(parent.File, name, OpenFlags.Path, 0, out SafeFileHandle file);
        if (error == 0) error = Give(header, parent, file, mode);
        if (error < 0)
        {
            file.Dispose();
            if ((FileKind)(mode & 0xF000) == FileKind.Directory) FileCall.RemoveDirectory(parent.File, name);
            else FileCall.Unlink(parent.File, name);
            return error;
        }

        error = FileCall.Status(file, out NodeStatus status);
        if (error < 0)
        {
            file.Dispose();
            return error;
        }

        return Put(ref reply, EntryOf(_nodes.Remember(parent.Node!, name.Bytes, status, file), status));
    }

    /// <summary>Makes the request's caller the owner of a new node. The group is the folder's where that is set-group-id;
    /// inode(7).</summary>
    private static int Give(in RequestHeader header, in NodeLease parent, SafeFileHandle file, uint mode)
    {
        if (header.Uid == 0 && header.Gid == 0) return 0; // as this process
        int error = FileCall.Status(parent.File, out NodeStatus folder);
        if (error < 0) return error;
        uint group = (folder.Mode & SetGroupId) != 0 ? uint.MaxValue : header.Gid;
        error = FileCall.SetOwner(file, header.Uid, group);
        bool clearedByChown = (mode & (SetUserId | SetGroupId)) != 0 && (FileKind)(mode & 0xF000) is FileKind.Regular;
        return error == 0 && clearedByChown ? FileCall.SetMode(file, mode & Permissions) : error;
    }

    /// <summary>What the kernel does when someone without CAP_FSETID writes to a file: the set-user-id bit goes, and the
    /// set-group-id bit where the group may execute. This process has that capability, so it must do it by hand.</summary>
    private static int DropPrivilegeBits(SafeFileHandle file)
    {
        int error = FileCall.Status(file, out NodeStatus status);
        if (error < 0) return error;
        uint drop = status.Mode & SetUserId;
        if ((status.Mode & GroupExecute) != 0) drop |= status.Mode & SetGroupId;
        return drop == 0 ? 0 : FileCall.SetMode(file, status.Mode & Permissions & ~drop);
    }
}
