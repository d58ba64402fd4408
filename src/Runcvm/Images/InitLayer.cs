using System.Text;
using Runcvm.Linux.Files;

namespace Runcvm.Images;

/// <summary>Docker's layer of mount points, which it makes for each container between the image and the container's own
/// layer. It would make every container's chain of layers another one, and has nothing that a machine needs.</summary>
internal static class InitLayer
{
    // What Docker makes there where the image has it not: daemon/initlayer/setup_unix.go of Moby.
    private const string Mark = ".dockerenv";
    private static readonly string[] Folders = ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"];
    private static readonly string[] EmptyFiles = [Mark, "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf"];
    private const string Link = "etc/mtab";

    /// <summary>Whether the layer is one. The classic store names it so (<c>overlay2/ID-init/diff</c>); containerd's
    /// snapshotters give numbers, and then it is one if it has Docker's mark and nothing but mount points.</summary>
    /// <param name="layer">its folder</param>
    internal static bool Is(string layer)
        => Path.GetFileName(Path.GetDirectoryName(layer))!.EndsWith("-init", StringComparison.Ordinal)
            || HasMountPointsAlone(layer);

    // An image whose topmost layer is nothing but these loses nothing either: a machine has each of them.
    private static bool HasMountPointsAlone(string layer)
    {
        if (FileStatus.TryOf(Path.Combine(layer, Mark)) is not { Kind: FileKind.Regular, Size: 0 }) return false;
        using Folder folder = Folder.Open(layer);
        return HasMountPointsAlone(folder, "");
    }

    private static bool HasMountPointsAlone(Folder folder, string path)
    {
        foreach (FolderEntry entry in folder.Read())
        {
            string name = path + Encoding.UTF8.GetString(entry.Name);
            bool isKnown = entry.Status.Kind switch
            {
                FileKind.Directory => Folders.Contains(name),
                FileKind.Regular => entry.Status.Size == 0 && EmptyFiles.Contains(name),
                FileKind.Link => name == Link,
                _ => false,
            };
            if (!isKnown) return false;
            if (entry.Status.Kind != FileKind.Directory) continue;
            using Folder? inner = folder.TryOpen(entry.Name);
            if (inner == null || !HasMountPointsAlone(inner, name + "/")) return false;
        }

        return true;
    }
}
