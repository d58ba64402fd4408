using Microsoft.Win32.SafeHandles;
using Runcvm.Images;
using Runcvm.Linux.Files;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>Makes sure of the machine's backing files: that they are those that `create` found, which somebody with the same
/// volume could have replaced since, and that no other machine uses them.</summary>
internal static class BackingLocks
{
    /// <summary>Takes them; they are held as long as this process lives.</summary>
    /// <param name="disks">of the machine</param>
    /// <param name="below">where they lie in the sandbox</param>
    internal static IReadOnlyList<SafeFileHandle> Take(IReadOnlyList<MachineDisk> disks, string below)
        => [.. disks.Where(static disk => disk.Inode != 0).Select(disk => Take(disk, below))];

    private static SafeFileHandle Take(MachineDisk disk, string below)
    {
        // Of what is no regular file nothing but its status is asked.
        using SafeFileHandle found = FileDescriptor.Open(below + disk.Path, OpenFlags.Path | OpenFlags.NoFollow);
        FileStatus status = FileStatus.Of(found);
        if ((status.Kind, status.FileSystem, status.Inode) != (FileKind.Regular, disk.FileSystem, disk.Inode))
            throw new UsageException($"the backing file of {disk.Serial} was replaced while the machine was made; start it again");
        SafeFileHandle file = FileDescriptor.Open(FileDescriptor.PathOf(found), OpenFlags.ReadOnly);
        if (FileDescriptor.TryLock(file)) return file;
        file.Dispose();
        throw BackingFile.InUse($"of {disk.Serial}");
    }
}
