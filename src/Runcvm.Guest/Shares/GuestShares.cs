using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Host;
using Runcvm.Guest.Modules;
using Runcvm.Guest.Paths;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Shares;

namespace Runcvm.Guest.Shares;

/// <summary>The mounts that the host serves. The first of them loads what it takes; a machine without shares pays nothing.</summary>
internal sealed class GuestShares(int count)
{
    private const string Connections = "/sys/fs/fuse/connections";

    /// <summary>Milliseconds, after which something is wrong that the end of the machine does not make worse.</summary>
    private const int LongestWait = 10_000;

    private readonly SharedFolder? _folder = count > 0 ? SharedFolder.TryMount() : null;
    private ShareRelay? _relay;

    internal void Mount(GuestRoot root, GuestMount mount)
    {
        using (SafeFileHandle target = Find(root, mount)) Mount(FileDescriptor.PathOf(target), mount);
        // Found once more: what was found before lies below it.
        using SafeFileHandle mounted = Find(root, mount);
        if (_folder == null) ReadAhead.Raise(FileStatus.Of(mounted));
        // A bind mount takes its flags only when it is there.
        else if (mount.Flags != 0) MountPoint.Remount(FileDescriptor.PathOf(mounted), (MountFlags)mount.Flags | MountFlags.Bind);
    }

    /// <summary>Mounts at a path of this process.</summary>
    internal void Mount(string target, GuestMount mount)
    {
        if (_folder != null)
        {
            MountPoint.Bind(SharedFolder.PathOf(mount.Share), target);
            return;
        }

        _relay ??= Open();
        var device = new FuseDevice();
        device.Mount(mount.Source, target, mount.IsFile, (MountFlags)mount.Flags, ShareFrame.MaxData);
        _relay.Serve((ushort)(mount.Share - 1), device);
    }

    /// <summary>Waits until the host has answered every request. The kernel writes back pages of mapped files in requests of
    /// their own, for whose end neither sync(2) nor umount(2) waits, and tells their number only to who asks.</summary>
    internal static void AwaitQuiet()
    {
        if (!Directory.Exists(Connections)) return;
        long deadline = Environment.TickCount64 + LongestWait;
        for (long left = LongestWait; left > 0; left = deadline - Environment.TickCount64)
        {
            ShareRelay.Answered.Reset();
            if (!Directory.GetDirectories(Connections).Any(IsBusy)) return;
            // Looked at again after a moment: whoever asked counts as waiting until it has run.
            ShareRelay.Answered.WaitOne((int)Math.Min(left, 20));
        }
    }

    private static SafeFileHandle Find(GuestRoot root, GuestMount mount)
        => mount.IsFile ? root.FileAt(mount.Target) : root.Directory(mount.Target);

    private static bool IsBusy(string connection)
    {
        using SafeFileHandle? waiting = FileDescriptor.TryOpen($"{connection}/waiting", OpenFlags.ReadOnly);
        return waiting != null && !FileDescriptor.ReadToEnd(waiting).AsSpan().StartsWith("0"u8);
    }

    /// <summary>Tells how many requests are under way, see <see cref="AwaitQuiet"/>.</summary>
    internal static void ShowConnections()
        => MountPoint.Add("fusectl", Connections, "fusectl", MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec);

    private ShareRelay Open()
    {
        if (FileStatus.TryOf(FuseDevice.Path) == null && Modprobe.Run(["fuse"]) != 0)
            throw new InvalidDataException("the guest's kernel has no FUSE, which volumes and bind mounts need; choose another with RUNCVM_KERNEL");
        ShowConnections();
        return new ShareRelay(HostStream.OpenShares(), count);
    }
}
