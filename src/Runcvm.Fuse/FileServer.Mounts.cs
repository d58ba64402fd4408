using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Nodes;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    // File systems of the host that are mounted below a root, each by what is mounted, as far as the guest has seen them. To its kernel
    // they are one with the root's, so a sync of that is for them as well, also when the guest has forgotten their files.
    private readonly Dictionary<ulong, (SafeFileHandle Mount, ServedNode Root)> _mounts = [];

    private void NoteMount(in NodeLease folder, scoped EntryName name, in NodeStatus status)
    {
        if (status.Kind is not (FileKind.Directory or FileKind.Regular)) return;
        lock (_mounts)
        {
            if (_mounts.ContainsKey(status.Mount)) return;
        }

        bool isOpen = FileCall.Open(folder.File, name, OpenFlags.Path, 0, out SafeFileHandle file) == 0;
        // Else it was unmounted meanwhile.
        bool isTheSame = isOpen && FileCall.Status(file, out NodeStatus opened) == 0 && opened.Mount == status.Mount;
        lock (_mounts)
        {
            ServedNode root = folder.Node!.Root;
            if (isTheSame && !root.IsGone && !IsTooMany(file) && _mounts.TryAdd(status.Mount, (file, root))) return;
        }

        file.Dispose();
    }

    private void ForgetMounts(ServedNode root)
    {
        lock (_mounts)
        {
            foreach ((ulong key, (SafeFileHandle mount, ServedNode of)) in _mounts.ToArray())
            {
                if (of != root) continue;
                _mounts.Remove(key);
                mount.Dispose();
            }
        }
    }

    private int SyncMounts()
    {
        SafeFileHandle[] mounts;
        lock (_mounts) mounts = [.. _mounts.Values.Select(static entry => entry.Mount)];
        int result = 0;
        foreach (SafeFileHandle mount in mounts)
        {
            try
            {
                int error = Sync(mount);
                if (error < 0) result = error;
            }
            catch (ObjectDisposedException)
            {
                // Its root went meanwhile.
            }
        }

        return result;
    }

    private static int Sync(SafeFileHandle path)
    {
        int error = FileCall.Reopen(path, OpenFlags.ReadOnly, 0, out SafeFileHandle file);
        using (file) return error < 0 ? error : FileCall.SyncFileSystem(file);
    }
}
