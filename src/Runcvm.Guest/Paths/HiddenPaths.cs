using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;

namespace Runcvm.Guest.Paths;

/// <summary>What the container's spec hides from the workload, and what it only shows: <c>maskedPaths</c> and
/// <c>readonlyPaths</c>. As with runc, a path that is not there is passed over.</summary>
internal static class HiddenPaths
{
    /// <summary>Lays an empty folder over each folder, and the null device over all else.</summary>
    internal static void Mask(GuestRoot root, IEnumerable<string> paths)
    {
        foreach (string path in paths)
        {
            using SafeFileHandle? found = root.TryFind(path);
            if (found == null) continue;
            string place = FileDescriptor.PathOf(found);
            if (FileStatus.Of(found).Kind == FileKind.Directory)
                MountPoint.Add("tmpfs", place, "tmpfs", MountFlags.ReadOnly, "size=0k");
            else
                MountPoint.Bind($"{GuestRoot.Path}/dev/null", place);
        }
    }

    /// <summary>Makes each path read-only, without what is mounted below it, as runc does.</summary>
    internal static void Protect(GuestRoot root, IEnumerable<string> paths)
    {
        foreach (string path in paths)
        {
            using SafeFileHandle? found = root.TryFind(path);
            if (found == null) continue;
            string place = FileDescriptor.PathOf(found);
            MountPoint.Bind(place, place, recursive: true);
            using SafeFileHandle? bound = root.TryFind(path);
            if (bound == null) throw new InvalidDataException($"{path} went while it was made read-only");
            MountPoint.Remount(FileDescriptor.PathOf(bound), MountFlags.Bind | MountFlags.ReadOnly);
        }
    }
}
