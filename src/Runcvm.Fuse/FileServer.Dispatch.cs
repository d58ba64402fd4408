using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.Processes;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    private int DispatchAsCaller(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        CallerIdentity.Take(header.Uid, header.Gid);
        try
        {
            return Dispatch(header, body, ref reply);
        }
        finally
        {
            CallerIdentity.Take(0, 0);
        }
    }

    private int Dispatch(in RequestHeader header, RequestBody body, ref Reply reply)
    {
        if (_rootsAreBelow && header.Nodeid == NodeTable.RootId) return OfRoots(header, body, ref reply);
        if (!Changes(header.Opcode)) return Serve(header, body, ref reply);
        // The node of a copy is the one that is read; the other was opened for writing.
        if (header.Opcode != Opcode.CopyFileRange && _nodes.IsReadOnly(header.Nodeid)) return Fail(Errno.EROFS);
        int error = Serve(header, body, ref reply);
        NoteChange();
        return error;
    }

    // After the change and before the answer: a flush that begins in between would not take it along.
    private void NoteChange()
    {
        if (!_changed) Volatile.Write(ref _changed, true);
    }

    private int Serve(in RequestHeader header, RequestBody body, ref Reply reply)
        => header.Opcode switch
        {
            Opcode.Lookup => Lookup(header, body, ref reply),
            Opcode.Forget => Forget(header, body),
            Opcode.BatchForget => BatchForget(body),
            Opcode.Getattr => Getattr(header, ref reply),
            Opcode.Setattr => Setattr(header, body, ref reply),
            Opcode.Readlink => Readlink(header, ref reply),
            Opcode.Symlink => Symlink(header, body, ref reply),
            Opcode.Mknod => Mknod(header, body, ref reply),
            Opcode.Mkdir => Mkdir(header, body, ref reply),
            Opcode.Unlink => Unlink(header, body),
            Opcode.Rmdir => Rmdir(header, body),
            Opcode.Rename => Rename(header, body),
            Opcode.Rename2 => Rename2(header, body),
            Opcode.Link => Link(header, body, ref reply),
            Opcode.Open => Open(header, body, ref reply),
            Opcode.Create => Create(header, body, ref reply),
            Opcode.Tmpfile => Tmpfile(header, body, ref reply),
            Opcode.Read => Read(body, ref reply),
            Opcode.Write => Write(body, ref reply),
            Opcode.Release => Release(body),
            Opcode.Flush => Flush(body),
            Opcode.Fsync => Fsync(body),
            Opcode.Fallocate => Fallocate(header, body),
            Opcode.Lseek => Lseek(body, ref reply),
            Opcode.CopyFileRange => CopyFileRange(header, body, ref reply),
            Opcode.Opendir => Opendir(header, ref reply),
            Opcode.Readdir => Readdir(body, ref reply, plus: false),
            Opcode.Readdirplus => Readdir(body, ref reply, plus: true),
            Opcode.Releasedir => Releasedir(body),
            Opcode.Fsyncdir => Fsyncdir(body),
            Opcode.Setxattr => Setxattr(header, body),
            Opcode.Getxattr => Getxattr(header, body, ref reply),
            Opcode.Listxattr => Listxattr(header, body, ref reply),
            Opcode.Removexattr => Removexattr(header, body),
            Opcode.Getlk => Getlk(body, ref reply),
            Opcode.Setlk => Setlk(header, body, wait: false),
            Opcode.Setlkw => Setlk(header, body, wait: true),
            Opcode.Interrupt => Interrupt(body, ref reply),
            Opcode.Statfs => Statfs(header, ref reply),
            Opcode.Syncfs => Syncfs(header),
            Opcode.Access => Access(header, body),
            Opcode.Init => Init(body, ref reply),
            Opcode.Destroy => 0,
            Opcode.NotifyReply => NoReply,
            Opcode.Ioctl => Fail(Errno.ENOTTY),
            _ => Fail(Errno.ENOSYS),
        };

    private static bool Changes(Opcode opcode) => opcode is Opcode.Setattr or Opcode.Symlink or Opcode.Mknod or Opcode.Mkdir
        or Opcode.Unlink or Opcode.Rmdir or Opcode.Rename or Opcode.Rename2 or Opcode.Link or Opcode.Create or Opcode.Tmpfile
        or Opcode.Write or Opcode.Fallocate or Opcode.CopyFileRange or Opcode.Setxattr or Opcode.Removexattr;
}
