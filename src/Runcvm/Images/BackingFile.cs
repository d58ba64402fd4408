using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Options;

namespace Runcvm.Images;

/// <summary>A file of the host that is a disk of the machine. Others may write to the folder that it lies in, so it is
/// known by its inode, and everything is done to the open file.</summary>
/// <param name="Path">where it was found</param>
/// <param name="FileSystem">device number of the file system</param>
/// <param name="Inode">of the file there</param>
internal sealed record BackingFile(string Path, ulong FileSystem, ulong Inode)
{
    private const uint OwnerAndGroup = 0x1B0;

    /// <summary>Finds the file or makes it: sparse, with an empty file system in it.</summary>
    /// <param name="root">a folder of the host, out of which nothing leads</param>
    /// <param name="relative">the file in it</param>
    /// <param name="system">what it holds, or shall hold</param>
    /// <param name="size">bytes that it has at least; null for what it has</param>
    /// <param name="usual">bytes of a new one, if there is no size</param>
    /// <param name="owner">who opens it; its group is root's, for the supervisor</param>
    /// <param name="name">what the user calls it</param>
    /// <param name="templates">folder of the templates</param>
    internal static BackingFile Ensure(string root, string relative, DiskFileSystem system, long? size, long usual, uint owner, string name, string templates = ScratchDisk.DefaultFolder)
    {
        var format = DiskFormat.Of(system);
        try
        {
            using SafeFileHandle folder = FileDescriptor.Open(root, OpenFlags.Path | OpenFlags.Directory);
            using SafeFileHandle file = TryFind(folder, relative, name) ?? Make(folder, relative, format, size ?? usual, name, templates);
            if (!FileDescriptor.TryLock(file)) throw InUse(name);
            try
            {
                return Prepare(file, format, size, owner, name);
            }
            finally
            {
                // The machine takes it when it starts.
                FileDescriptor.Unlock(file);
            }
        }
        catch (Exception e) when (e is LinuxException or IOException)
        {
            throw Tool.Failure($"the backing file {name}", root, e.Message);
        }
    }

    private static BackingFile Prepare(
        SafeFileHandle file, DiskFormat format, long? size, uint owner, string name)
    {
        if (!format.IsIn(file))
            throw new UsageException($"{name} is there already and holds no {format.Name} file system; "
                + "remove it, or name another backing file");
        if (size > RandomAccess.GetLength(file)) FileDescriptor.SetLength(file, size.Value);
        FileDescriptor.SetOwner((int)file.DangerousGetHandle(), owner, 0);
        Node.SetPermissions(FileDescriptor.PathOf(file), OwnerAndGroup);
        FileStatus status = FileStatus.Of(file);
        string path = new FileInfo(FileDescriptor.PathOf(file)).LinkTarget!;
        return new BackingFile(path, status.FileSystem, status.Inode);
    }

    internal static UsageException InUse(string name)
        => new($"the backing file {name} is in use by another machine; a disk belongs to one at a time, so stop that one first");

    // Looked at before it is opened: to open a device of the host is to have it.
    private static SafeFileHandle? TryFind(SafeFileHandle folder, string relative, string name)
    {
        using SafeFileHandle? found = FileDescriptor.TryOpenInRoot(folder, relative, OpenFlags.Path);
        if (found == null) return null;
        return FileStatus.Of(found).Kind == FileKind.Regular
            ? FileDescriptor.Open(FileDescriptor.PathOf(found), OpenFlags.ReadWrite)
            : throw new UsageException($"{name} is no regular file, so it cannot be a backing file; name another");
    }

    private static SafeFileHandle Make(SafeFileHandle root, string relative, DiskFormat format, long size, string name, string templates)
    {
        string parent = System.IO.Path.GetDirectoryName(relative) ?? "";
        using SafeFileHandle folder = FileDescriptor.TryOpenInRoot(root, parent.Length == 0 ? "." : parent, OpenFlags.Path | OpenFlags.Directory)
            ?? throw new UsageException($"the folder of the backing file {name} does not exist on its volume; make it, or put the file straight onto the volume");
        string path = $"{FileDescriptor.PathOf(folder)}/{System.IO.Path.GetFileName(relative)}";
        string unfinished = $"{path}.unfinished";
        try
        {
            File.Delete(unfinished);
            SafeFileHandle file = FileDescriptor.Open(unfinished, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, OwnerAndGroup);
            format.Make(file, size, templates);
            FileDescriptor.Sync(file);
            File.Move(unfinished, path);
            return file;
        }
        finally
        {
            File.Delete(unfinished);
        }
    }
}
