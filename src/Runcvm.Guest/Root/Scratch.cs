using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;

namespace Runcvm.Guest.Root;

/// <summary>The machine's own disk. Mounted when the first folder is asked for: few machines whose root is a share have anything on it.</summary>
/// <param name="disk">as the host names it</param>
internal sealed class Scratch(string disk)
{
    internal const string Place = "/scratch";

    private bool _isMounted;

    /// <summary>Makes a folder on it, and those above.</summary>
    /// <param name="path">relative</param>
    /// <returns>its path in the initial mount namespace</returns>
    internal string Folder(string path)
    {
        // The template was made without initialising its inode tables, and a sparse file reads as zeros anyway.
        if (!_isMounted) MountPoint.Add(Disk.Find(disk), Place, "ext4", MountFlags.NoAtime, "noinit_itable");
        _isMounted = true;
        string folder = $"{Place}/{path}";
        Node.MakeDirectory(folder);
        return folder;
    }
}
