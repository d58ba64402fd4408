using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Mounts;

/// <summary>Mounts that are in no mount namespace: open_tree(2). They have no name, go with their last descriptor, and
/// do not keep the mounts busy of which they are copies.</summary>
public static unsafe class MountTree
{
    /// <summary>Copies what is mounted at a path, or the part of it that lies there, with all that is mounted below.
    /// Nothing in the copy can be executed, be a device, or lend an owner's rights; mounts that are made later in the
    /// original are not in it.</summary>
    /// <param name="path">a folder or file; links are followed</param>
    /// <param name="recursive">with what is mounted below it</param>
    /// <param name="readOnly">nothing in it can be changed</param>
    /// <returns>a descriptor as of O_PATH</returns>
    public static SafeFileHandle Copy(string path, bool recursive, bool readOnly)
    {
        int below = recursive ? Libc.AT_RECURSIVE : 0;
        byte* name = Utf8Array.Copy(path);
        nint number;
        try
        {
            number = SystemCall.Check(
                Libc.syscall(SystemCallNumber.open_tree, Libc.AT_FDCWD, (nint)name,
                    Libc.OPEN_TREE_CLONE | Libc.OPEN_TREE_CLOEXEC | below),
                $"copy the mount of {path}");
        }
        finally
        {
            NativeMemory.Free(name);
        }

        var tree = new SafeFileHandle(number, ownsHandle: true);
        try
        {
            Restrict(tree, path, readOnly);
            return tree;
        }
        catch
        {
            tree.Dispose();
            throw;
        }
    }

    private static void Restrict(SafeFileHandle tree, string path, bool readOnly)
    {
        byte empty = 0;
        var attributes = new Libc.mount_attr
        {
            attr_set = Libc.MOUNT_ATTR_NOSUID | Libc.MOUNT_ATTR_NODEV | Libc.MOUNT_ATTR_NOEXEC
                | (readOnly ? Libc.MOUNT_ATTR_RDONLY : 0),
            propagation = Libc.MS_PRIVATE,
        };
        SystemCall.Check(
            Libc.syscall(SystemCallNumber.mount_setattr, tree.DangerousGetHandle(), (nint)(&empty),
                Libc.AT_EMPTY_PATH | Libc.AT_RECURSIVE, (nint)(&attributes), sizeof(Libc.mount_attr)),
            $"restrict the copied mount of {path}");
    }
}
