using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    private const uint Permissions = 0xFFF;
    private const uint SetUserId = 0x800;
    private const uint SetGroupId = 0x400;
    private const uint GroupExecute = 0x8;
    private const uint KindBits = 0xF000;

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
        // On the host somebody may have put something of another's in its place, which is neither to be given away nor to be removed.
        bool isAnother = error == 0 && IsGiven(header) && !IsNew(file, (FileKind)(mode & KindBits));
        if (isAnother) error = Fail(Errno.EBUSY);
        // A node that is removed and not forgotten keeps its descriptor.
        else if (error == 0) error = RoomFor(file);
        if (error == 0) error = Give(header, parent, file, mode);
        if (error < 0)
        {
            file.Dispose();
            if (isAnother) return error;
            if ((FileKind)(mode & KindBits) == FileKind.Directory) FileCall.RemoveDirectory(parent.File, name);
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

    // This process's own is what it makes already.
    private static bool IsGiven(in RequestHeader header) => header.Uid != 0 || header.Gid != 0;

    /// <summary>Whether a node can be the one that was just made: whoever gets it gets nothing that somebody else has put into it.</summary>
    private static bool IsNew(SafeFileHandle file, FileKind kind)
    {
        if (FileCall.Status(file, out NodeStatus status) < 0 || status.Kind != kind) return false;
        return kind switch
        {
            FileKind.Directory => IsEmptyFolder(file),
            // What a link says is nobody's.
            FileKind.Link => true,
            _ => status is { Size: 0, Links: 1 },
        };
    }

    private static bool IsEmptyFolder(SafeFileHandle path)
    {
        Span<byte> records = stackalloc byte[512];
        int error = FileCall.Reopen(path, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out SafeFileHandle folder);
        using (folder)
        {
            long length = error < 0 ? error : FileCall.ReadFolder(folder, records);
            if (length <= 0) return false;
            for (ReadOnlySpan<byte> rest = records[..(int)length]; !rest.IsEmpty; rest = rest[new FolderRecord(rest).Length..])
            {
                if (!new FolderRecord(rest).IsDot) return false;
            }

            return true;
        }
    }

    /// <summary>Makes the request's caller the owner of a new node. The group is the folder's where that is set-group-id;
    /// inode(7).</summary>
    private static int Give(in RequestHeader header, in NodeLease parent, SafeFileHandle file, uint mode)
    {
        if (!IsGiven(header)) return 0;
        int error = FileCall.Status(parent.File, out NodeStatus folder);
        if (error < 0) return error;
        uint group = (folder.Mode & SetGroupId) != 0 ? uint.MaxValue : header.Gid;
        error = FileCall.SetOwner(file, header.Uid, group);
        bool clearedByChown = (mode & (SetUserId | SetGroupId)) != 0 && (FileKind)(mode & KindBits) is FileKind.Regular;
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
