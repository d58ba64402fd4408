using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.Images;

/// <summary>The writable disk of one container: sparse, kept over stop and start, gone with the container.</summary>
/// <param name="Path">its file</param>
/// <param name="Size">in bytes; of a disk that was there already, the size it was made with</param>
/// <param name="IsNew">made just now, so it holds nothing yet</param>
internal sealed record ScratchDisk(string Path, long Size, bool IsNew)
{
    internal const string DefaultFolder = "/var/lib/runcvm";
    private const string Name = "runcvm-scratch.ext4";
    private const string RootMark = ".root";
    private const string HoldsRootMark = ".holds-root";

    /// <summary>Whether a machine of this container has written its root's files to its disk, where nobody else finds them.</summary>
    internal static bool HoldsRootOf(LayerChain chain, string machine, string folder = DefaultFolder)
        => File.Exists(Place(chain, machine, folder) + HoldsRootMark);

    /// <summary>Where the container's disk is, or will be.</summary>
    internal static string PathOf(LayerChain chain, string machine, string folder = DefaultFolder)
        => Place(chain, machine, folder);

    /// <summary>Finds the container's disk or makes it.</summary>
    /// <param name="chain">where the container's files are</param>
    /// <param name="machine">its key, which names the disk where the engine has no folder for this container</param>
    /// <param name="size">bytes of a new disk</param>
    /// <param name="folder">of the template, and of disks without a place of their own</param>
    /// <param name="content">fills a new disk, instead of an empty file system</param>
    internal static ScratchDisk Ensure(
        LayerChain chain, string machine, long size, string folder = DefaultFolder,
        Action<SafeFileHandle>? content = null)
    {
        string path = Place(chain, machine, folder);
        if (chain.ContainerFolder == null) PrepareStore(path, chain.Root);
        if (FileStatus.TryOf(path) is { Kind: FileKind.Regular } disk) return new ScratchDisk(path, (long)disk.Size, false);
        using SafeFileHandle? template = content == null ? ScratchTemplate.Open(folder, size) : null;
        string unfinished = path + ".tmp";
        try
        {
            File.Delete(unfinished);
            using (SafeFileHandle to = FileDescriptor.Open(unfinished, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, Permission.OwnersFile))
            {
                if (template != null) SparseCopy.Copy(template, to);
                else content!(to);
            }

            File.Move(unfinished, path);
        }
        catch (Exception e) when (e is LinuxException or IOException)
        {
            throw Tool.Failure($"the scratch disk {path}", System.IO.Path.GetDirectoryName(path)!, e.Message);
        }
        finally
        {
            File.Delete(unfinished);
        }

        return new ScratchDisk(path, size, true);
    }

    /// <summary>From now on it has files of the machine's root.</summary>
    internal void HoldRoot() => File.WriteAllBytes(Path + HoldsRootMark, []);

    // In the engine's folder of the container, which it removes with the container.
    private static string Place(LayerChain chain, string machine, string folder)
    {
        if (chain.ContainerFolder is { } own) return System.IO.Path.Combine(own, Name);
        string store = System.IO.Path.Combine(folder, "scratch");
        // Versions before this one named it by the container's id alone.
        string before = System.IO.Path.Combine(store, machine.Split('@')[0] + ".ext4");
        bool isItsOwn = File.Exists(before + RootMark) && File.ReadAllText(before + RootMark) == chain.Root;
        return isItsOwn ? before : System.IO.Path.Combine(store, machine + ".ext4");
    }

    private static void PrepareStore(string path, string root)
    {
        string store = System.IO.Path.GetDirectoryName(path)!;
        Node.MakeDirectory(store, Permission.OwnersFolder);
        Reap(store);
        File.WriteAllText(path + RootMark, root);
    }

    // Nobody tells us of the removal of such a container: its root being gone does.
    private static void Reap(string store)
    {
        foreach (string mark in Directory.EnumerateFiles(store, "*" + RootMark))
        {
            if (Directory.Exists(File.ReadAllText(mark))) continue;
            // The mark last: until then the rest is found again.
            foreach (string file in Directory.GetFiles(store, System.IO.Path.GetFileName(mark)[..^RootMark.Length] + "*").Where(file => file != mark)) File.Delete(file);
            File.Delete(mark);
        }
    }
}
