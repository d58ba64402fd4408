using System.Buffers.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    private const ulong Day = 86400;

    private readonly bool _rootsAreBelow;
    private readonly Lock _flushing = new();
    private bool _changed;

    /// <summary>Requests for the folder that has nothing but the roots. The guest's init binds what is in it to where it
    /// belongs, and nobody else has to see it.</summary>
    private int OfRoots(in RequestHeader header, RequestBody body, ref Reply reply) => header.Opcode switch
    {
        Opcode.Lookup => LookupRoot(body, ref reply),
        Opcode.Getattr => GetattrOfRoots(ref reply),
        Opcode.Statfs => StatfsOfRoots(ref reply),
        Opcode.Syncfs => SyncRoots(),
        Opcode.Forget => NoReply,
        _ => Fail(Errno.EACCES),
    };

    private int LookupRoot(RequestBody body, ref Reply reply)
    {
        NodeStatus status = default;
        int error = body.Read(out EntryName name);
        if (error < 0) return error;
        if (!Utf8Parser.TryParse(name.Bytes, out uint number, out int length) || length != name.Bytes.Length
            || _nodes.LookupRoot(number) is not { } found)
            return Fail(Errno.ENOENT);
        using NodeLease root = _nodes.Lease(found.Id);
        // Else it went in between.
        error = root.Node == null ? Fail(Errno.ENOENT) : FileCall.Status(root.File, out status);
        if (error < 0)
        {
            _nodes.Forget(found.Id, 1);
            return error;
        }

        // One that may go is asked for each time, so that the guest's kernel finds out when it has, and forgets it.
        ulong validity = found.IsPassing ? 0 : Day;
        reply.Put(new EntryOut(found.Id, 0, validity, Validity, 0, 0, AttrOf(status)));
        return 0;
    }

    /// <summary>Serves one more root, below the folder of the roots. May be called while requests are
    /// answered.</summary>
    /// <param name="number">its name there, which no other ever had</param>
    /// <param name="file">an O_PATH descriptor, which is owned from now on</param>
    /// <param name="readOnly">whether every change in it is refused with EROFS</param>
    /// <exception cref="LinuxException">it cannot be looked at</exception>
    public void AddRoot(uint number, SafeFileHandle file, bool readOnly)
    {
        int error = FileCall.Status(file, out NodeStatus status);
        if (error == 0 && DescriptorLimit.IsReachedBy(file, (nint)_mostDescriptors)) error = Fail(Errno.EMFILE);
        if (error == 0 && _nodes.RootOf(number) != null) error = Fail(Errno.EEXIST);
        if (error == 0)
        {
            _nodes.AddRoot(number, file, status, readOnly, [], isPassing: true);
            return;
        }

        file.Dispose();
        throw new LinuxException((Errno)(-error), $"serve one more root");
    }

    /// <summary>Serves a root no longer, and lets go of all that it had open for it, whatever of that the guest has
    /// open: the host unmounts it now.</summary>
    /// <param name="number">its name in the folder of the roots</param>
    public void RemoveRoot(uint number)
    {
        if (_nodes.RemoveRoot(number) is not { } root) return;
        _handles.RemoveOf(root);
        ForgetMounts(root);
    }

    private static int GetattrOfRoots(ref Reply reply)
    {
        reply.Put(new AttrOut(Day, 0, 0, new Attr { Ino = NodeTable.RootId, Mode = (uint)FileKind.Directory | Permission.OwnersFolder, Nlink = 2 }));
        return 0;
    }

    private static int StatfsOfRoots(ref Reply reply)
    {
        reply.Put(default(Kstatfs));
        return 0;
    }

    /// <summary>sync(2) and syncfs(2) in the guest, whose kernel has all roots as one file system. Nothing changed by the guest
    /// means nothing to wait for: the host's disks may be busy with other things.</summary>
    private int SyncRoots()
    {
        // Who comes while another's flush is under way waits for it: what it asks for may be part of that.
        lock (_flushing) return FlushRoots();
    }

    private int FlushRoots()
    {
        if (!Interlocked.Exchange(ref _changed, false)) return 0;
        int result = 0;
        foreach (ServedNode root in _nodes.Roots)
        {
            using NodeLease node = _nodes.Lease(root.Id);
            // One that went meanwhile has nobody who waits for it.
            int error = node.Node == null ? 0 : Sync(node);
            if (error < 0) result = error;
        }

        int below = SyncMounts();
        if (below < 0) result = below;
        if (result < 0) Volatile.Write(ref _changed, true);
        return result;
    }
}
