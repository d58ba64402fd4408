using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.Sandbox;

/// <summary>The places in a container's root at which something is mounted. A runtime makes those that are missing
/// with all rights. A guest whose container has dropped them could not: in a folder of another user, or in a root that
/// not even its owner may write to. Images of Fedora have such a root, and those that Podman makes.</summary>
internal static class MountPoints
{
    private const string Devices = "/dev/";

    /// <summary>Makes what is missing. Links are followed inside the root alone.</summary>
    /// <param name="root">the container's, on the host</param>
    /// <param name="mounts">what is mounted in it, and whether that is a file</param>
    /// <param name="folders">what else is to be there</param>
    /// <exception cref="UsageException">one cannot be made</exception>
    internal static void Make(
        string root, IReadOnlyList<(string Target, bool IsFile)> mounts, IReadOnlyList<string> folders)
    {
        using SafeFileHandle top = FileDescriptor.Open(root, OpenFlags.Path | OpenFlags.Directory);
        (string Target, bool IsFile)[] mounted = [.. mounts.Select(static item => (Whole(item.Target), item.IsFile))];
        foreach ((string place, bool isFile) in mounted.Concat(folders.Select(static item => (Whole(item), false))))
        {
            // What is below another mount is the guest's to make; devices are in a file system of its own.
            if (place.StartsWith(Devices, StringComparison.Ordinal)
                || mounted.Any(mount => place.StartsWith(mount.Target + "/", StringComparison.Ordinal))) continue;
            try
            {
                if (isFile) MakeFile(top, place);
                else MakeFolder(top, place)?.Dispose();
            }
            catch (LinuxException e)
            {
                throw new UsageException($"there is no place for {place} in the container's root: {e.Message}", e);
            }
        }
    }

    private static string Whole(string target)
        => Path.GetFullPath(Path.Combine("/", target)) is var whole && whole.Length > 1 ? whole.TrimEnd('/') : "/";

    // Null where a link of the image leads nowhere: the guest says so.
    private static SafeFileHandle? MakeFolder(SafeFileHandle top, string place)
    {
        SafeFileHandle? found = FileDescriptor.TryOpenInRoot(top, place, OpenFlags.Path | OpenFlags.Directory);
        if (found != null || place == "/") return found;
        using SafeFileHandle? parent = MakeFolder(top, Path.GetDirectoryName(place)!);
        string? entry = parent == null ? null : EntryOf(parent, place);
        if (entry == null || FileStatus.TryOf(entry) != null) return null;
        Node.MakeDirectory(entry);
        return FileDescriptor.TryOpenInRoot(top, place, OpenFlags.Path | OpenFlags.Directory);
    }

    private static void MakeFile(SafeFileHandle top, string place)
    {
        using SafeFileHandle? found = FileDescriptor.TryOpenInRoot(top, place, OpenFlags.Path);
        if (found != null) return;
        using SafeFileHandle? parent = MakeFolder(top, Path.GetDirectoryName(place)!);
        if (parent == null || FileStatus.TryOf(EntryOf(parent, place)) != null) return;
        FileDescriptor.TryOpenInRoot(
            top, place, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, Permission.PlainFile)?.Dispose();
    }

    private static string EntryOf(SafeFileHandle parent, string place)
        => $"{FileDescriptor.PathOf(parent)}/{Path.GetFileName(place)}";
}
