using System.Runtime.InteropServices;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Mounts;

/// <summary>mount(2) and its relatives.</summary>
public static unsafe class MountPoint
{
    /// <summary>mount(2)</summary>
    public static void Add(string source, string target, string type, MountFlags flags = MountFlags.None, string? data = null)
        => SystemCall.Check(Libc.mount(source, target, type, (ulong)flags, data), $"mount {type} {source} on {target}");

    /// <summary>Makes a file or directory visible at a second place.</summary>
    public static void Bind(string source, string target, bool recursive = false)
        => SystemCall.Check(
            Libc.mount(source, target, null, (ulong)(MountFlags.Bind | (recursive ? MountFlags.Recursive : 0)), null),
            $"bind {source} to {target}");

    /// <summary>Changes the flags of a mount that exists.</summary>
    public static void Remount(string target, MountFlags flags)
        => SystemCall.Check(Libc.mount(null, target, null, (ulong)(flags | MountFlags.Remount), null), $"remount {target}");

    /// <summary>Changes how mounts below <paramref name="target"/> spread to other namespaces.</summary>
    public static void SetPropagation(string target, MountFlags propagation)
        => SystemCall.Check(Libc.mount(null, target, null, (ulong)propagation, null), $"set the propagation of {target}");

    /// <summary>umount2(2)</summary>
    /// <param name="target">the mount point</param>
    /// <param name="detach">take it out of the tree now and let it go when nobody uses it</param>
    public static void Remove(string target, bool detach = false)
        => SystemCall.Check(Libc.umount2(target, detach ? Libc.MNT_DETACH : 0), $"unmount {target}");

    /// <summary>Takes whatever is mounted there out of the tree; a link in that place is not followed.</summary>
    /// <returns>false where nothing is mounted</returns>
    public static bool TryDetach(string target)
    {
        if (Libc.umount2(target, Libc.MNT_DETACH | Libc.UMOUNT_NOFOLLOW) == 0) return true;
        Errno errno = SystemCall.LastError;
        return errno is Errno.EINVAL or Errno.ENOENT or Errno.ENOTDIR ? false
            : throw new LinuxException(errno, $"unmount {target}");
    }

    /// <summary>Makes <paramref name="newRoot"/> (a mount point) the root of this mount namespace and lets go of the
    /// old one. The working directory is the new root afterwards.</summary>
    public static void PivotTo(string newRoot)
    {
        SystemCall.Check(Libc.chdir(newRoot), $"enter {newRoot}");
        // pivot_root(".", "."): the old root ends up on top of the new one and is detached from there; pivot_root(2), NOTES.
        byte* dot = Utf8Array.Copy(".");
        try
        {
            SystemCall.Check(Libc.syscall(SystemCallNumber.Here.pivot_root, (nint)dot, (nint)dot), $"make {newRoot} the root");
        }
        finally
        {
            NativeMemory.Free(dot);
        }

        SystemCall.Check(Libc.umount2(".", Libc.MNT_DETACH), $"let go of the old root");
        SystemCall.Check(Libc.chdir("/"), $"enter the new root");
    }

    /// <summary>Makes <paramref name="newRoot"/> (a mount point) the root of the calling thread. Where a security module refuses
    /// pivot_root(2), as AppArmor's profile for containers does, it is chroot(2): without CAP_SYS_CHROOT and without a
    /// descriptor of a folder outside, no way leads out of that either.</summary>
    public static void Confine(string newRoot)
    {
        try
        {
            PivotTo(newRoot);
        }
        catch (LinuxException e) when (e.Errno is Errno.EPERM or Errno.EACCES)
        {
            SystemCall.Check(Libc.chroot(newRoot), $"change the root to {newRoot}");
            SystemCall.Check(Libc.chdir("/"), $"enter the new root");
        }
    }

    /// <summary>MS_MOVE of <paramref name="newRoot"/> onto "/" with chroot(2): for the kernel's first root, which
    /// pivot_root refuses.</summary>
    public static void MoveToRoot(string newRoot)
    {
        SystemCall.Check(Libc.chdir(newRoot), $"enter {newRoot}");
        SystemCall.Check(Libc.mount(".", "/", null, (ulong)MountFlags.Move, null), $"move {newRoot} to the root");
        SystemCall.Check(Libc.chroot("."), $"change the root to {newRoot}");
        SystemCall.Check(Libc.chdir("/"), $"enter the new root");
    }

    /// <summary>sync(2)</summary>
    public static void SyncAll() => Libc.sync();
}
