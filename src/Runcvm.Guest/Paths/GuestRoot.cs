using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Guest.Paths;

/// <summary>The workload's root file system as the first process sees it. Paths are resolved inside it: a link of the
/// image never leads out.</summary>
internal sealed class GuestRoot
{
    /// <summary>Where it is mounted.</summary>
    internal const string Path = "/newroot";

    private readonly SafeFileHandle _root = FileDescriptor.Open(Path, OpenFlags.Path | OpenFlags.Directory);

    /// <summary>What is at this path, or null.</summary>
    internal SafeFileHandle? TryFind(string path) => FileDescriptor.TryOpenInRoot(_root, path, OpenFlags.Path);

    /// <summary>A path of this process by which the directory is reached; it is made, with its parents, if missing.</summary>
    internal SafeFileHandle Directory(string path)
    {
        SafeFileHandle? found = FileDescriptor.TryOpenInRoot(_root, path, OpenFlags.Path | OpenFlags.Directory);
        if (found != null) return found;
        using SafeFileHandle parent = Directory(System.IO.Path.GetDirectoryName(path) ?? "/");
        Node.MakeDirectory($"{FileDescriptor.PathOf(parent)}/{System.IO.Path.GetFileName(path)}");
        return FileDescriptor.TryOpenInRoot(_root, path, OpenFlags.Path | OpenFlags.Directory)
            ?? throw new InvalidDataException($"{path} is a link to nowhere in the image, so nothing can be mounted there");
    }

    /// <summary>The file at this path; an empty one is made, with its parents, if missing.</summary>
    internal SafeFileHandle FileAt(string path)
    {
        SafeFileHandle? found = TryFind(path);
        if (found != null) return found;
        // Opening with O_CREAT follows a link whose target is missing, which is what a bind mount on it needs.
        using (SafeFileHandle parent = Directory(System.IO.Path.GetDirectoryName(path) ?? "/"))
        {
            string? target = new FileInfo($"{FileDescriptor.PathOf(parent)}/{System.IO.Path.GetFileName(path)}").LinkTarget;
            if (target != null)
            {
                string resolved = System.IO.Path.GetFullPath(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path) ?? "/", target));
                using SafeFileHandle targetParent = Directory(System.IO.Path.GetDirectoryName(resolved) ?? "/");
            }
        }

        FileDescriptor.TryOpenInRoot(_root, path, OpenFlags.WriteOnly | OpenFlags.Create, Permission.PlainFile)?.Dispose();
        return TryFind(path) ?? throw new InvalidDataException($"{path} is a link to nowhere in the image");
    }
}
