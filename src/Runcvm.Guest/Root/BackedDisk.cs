using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Paths;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Root;

/// <summary>A disk that the user asked for: mounted where it was asked for, and if it is empty, filled with what the root has there.</summary>
internal static class BackedDisk
{
    /// <summary>Where they are mounted first, each in a folder of its own.</summary>
    internal const string Place = "/backed";

    // Only while a disk is filled, so that a machine killed half-way starts over.
    private const string Unfinished = ".runcvm-unfinished";
    private const string LostAndFound = "lost+found";
    private const long SectorSize = 512;

    internal static void Mount(GuestRoot root, GuestMount mount)
    {
        string device = Disk.Find(mount.Source);
        string place = $"{Place}/{Path.GetFileName(mount.Source)}";
        Node.MakeDirectory(place);
        try
        {
            MountPoint.Add(device, place, mount.Type, (MountFlags)mount.Flags, mount.Data);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            throw new InvalidDataException($"the guest's kernel has no {mount.Type}, which the disk at {mount.Target} holds; choose another kernel with RUNCVM_KERNEL, or ext4 in RUNCVM_DISKS");
        }

        Grow(mount.Type, device, place);
        using SafeFileHandle target = root.Directory(mount.Target);
        if (IsToBeFilled(place)) Fill(place, FileDescriptor.PathOf(target) + "/.");
        MountPoint.Bind(place, FileDescriptor.PathOf(target));
    }

    private static void Grow(string type, string device, string place)
    {
        if (type == "xfs") XfsSize.Grow(SizeOf(device), place);
        else if (type == "btrfs") BtrfsSize.Grow(SizeOf(device), place);
        else Ext4Size.Grow(device, SizeOf(device), place);
    }

    private static bool IsToBeFilled(string place)
        => File.Exists($"{place}/{Unfinished}")
        || Directory.EnumerateFileSystemEntries(place).All(static path => Path.GetFileName(path) == LostAndFound);

    private static void Fill(string place, string from)
    {
        string mark = $"{place}/{Unfinished}";
        File.WriteAllBytes(mark, []);
        MountPoint.SyncAll();
        TreeCopy.Empty(place, except: System.Text.Encoding.ASCII.GetBytes(Unfinished));
        TreeCopy.CopyAll(from, place);
        TreeCopy.CopyAttributes(from, place);
        MountPoint.SyncAll();
        File.Delete(mark);
        TreeCopy.CopyAttributes(from, place);
    }

    private static long SizeOf(string device)
        => long.Parse(File.ReadAllText($"/sys/class/block/{Path.GetFileName(device)}/size").Trim(), CultureInfo.InvariantCulture) * SectorSize;
}
