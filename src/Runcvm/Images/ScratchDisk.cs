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
    private const uint OnlyOwner = 0x180;

    /// <summary>Finds the container's disk or makes it.</summary>
    /// <param name="chain">where the container's files are</param>
    /// <param name="containerId">names the disk where the engine has no folder for this container</param>
    /// <param name="size">bytes of a new disk</param>
    /// <param name="folder">of the template, and of disks without a place of their own</param>
    internal static ScratchDisk Ensure(LayerChain chain, string containerId, long size, string folder = DefaultFolder)
    {
        // In the engine's folder of the container, which it removes with the container.
        string path = chain.ContainerFolder is { } own
            ? System.IO.Path.Combine(own, Name)
            : PlaceInStore(System.IO.Path.Combine(folder, "scratch"), chain.Root, containerId);
        if (FileStatus.TryOf(path) is { Kind: FileKind.Regular } disk) return new ScratchDisk(path, (long)disk.Size, false);
        string template = ScratchTemplate.Ensure(folder, size);
        string unfinished = path + ".tmp";
        try
        {
            File.Delete(unfinished);
            using (SafeFileHandle from = FileDescriptor.Open(template, OpenFlags.ReadOnly))
            using (SafeFileHandle to = FileDescriptor.Open(unfinished, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, OnlyOwner))
                SparseCopy.Copy(from, to);
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

    private static string PlaceInStore(string store, string root, string containerId)
    {
        Node.MakeDirectory(store, 0x1C0);
        Reap(store);
        string path = System.IO.Path.Combine(store, containerId + ".ext4");
        File.WriteAllText(path + RootMark, root);
        return path;
    }

    // Nobody tells us of the removal of such a container: its root being gone does.
    private static void Reap(string store)
    {
        foreach (string mark in Directory.EnumerateFiles(store, "*" + RootMark))
        {
            if (Directory.Exists(File.ReadAllText(mark))) continue;
            File.Delete(mark[..^RootMark.Length]);
            File.Delete(mark);
        }
    }
}
