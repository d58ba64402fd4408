using Runcvm.Guest.Paths;
using Runcvm.Guest.Root;
using Runcvm.Guest.Shares;
using Runcvm.Linux;
using Runcvm.Linux.Mounts;

namespace Runcvm.Guest.Boot;

/// <summary>The end of the machine: nothing may be left in caches when the host takes the VM away.</summary>
internal static class Shutdown
{
    internal static void UnmountAll()
    {
        MountPoint.SyncAll();
        GuestShares.AwaitQuiet();
        IReadOnlyList<MountInfo> mounts = MountInfo.ReadAll();
        for (int i = mounts.Count - 1; i >= 0; i--)
        {
            string target = mounts[i].Target;
            if (target == GuestRoot.Path || target.StartsWith(GuestRoot.Path + "/", StringComparison.Ordinal)) Detach(target);
        }

        SharedFolder.Unmount();
        GuestShares.AwaitQuiet();
        foreach (MountInfo mount in mounts)
        {
            if (mount.Target.StartsWith(BackedDisk.Place + "/", StringComparison.Ordinal)) Release(mount.Target);
        }

        Release(Scratch.Place);
        MountPoint.SyncAll();
    }

    private static void Detach(string target)
    {
        try
        {
            MountPoint.Remove(target, detach: true);
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            // Gone together with a mount above it.
        }
    }

    private static void Release(string target)
    {
        try
        {
            MountPoint.Remove(target);
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            // Never mounted.
        }
        catch (LinuxException e) when (e.Errno == Errno.EBUSY)
        {
            // Something still holds a file open (a kernel thread of a loop device, say): read-only is as good for the disk.
            MountPoint.Remount(target, MountFlags.ReadOnly);
        }
    }
}
