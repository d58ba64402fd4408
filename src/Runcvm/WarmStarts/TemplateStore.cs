using Microsoft.Win32.SafeHandles;
using Runcvm.HostFiles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Wire;
using Runcvm.Syntax;

namespace Runcvm.WarmStarts;

/// <summary>The host's templates: a folder for each, with memory and devices, the disk, the root image, and what is
/// known of it. Root alone reads and writes here. What a sandbox says of its machine comes here through a pipe, into
/// the one template that is made of it.</summary>
internal sealed class TemplateStore(string folder = TemplateStore.DefaultFolder)
{
    internal const string DefaultFolder = "/var/lib/runcvm/templates";

    internal const string Memory = "memory";
    internal const string Disk = "disk";
    internal const string RootImage = "root";
    private const string About = "about";

    // No name of a template begins so.
    private const string Unfinished = ".unfinished";
    private const int LongestAbout = 1024 * 1024;
    private const uint ReadableByOwner = 0x100;
    private const uint ForOthers = 0x3F;

    // What takes the place of a file does not make its opening wait.
    private const OpenFlags AtOnce = OpenFlags.ReadOnly | OpenFlags.NonBlocking;

    /// <summary>Where a template is made.</summary>
    internal string WorkFolder => Path.Combine(folder, Unfinished);

    internal string RootOf(string name) => Path.Combine(folder, name, RootImage);

    /// <summary>Held by whoever makes or removes one.</summary>
    internal LockFile Lock()
    {
        Node.MakeDirectory(folder, Permission.OwnersFolder);
        return LockFile.Acquire(Path.Combine(folder, ".lock"));
    }

    internal bool Has(string name) => FileStatus.TryOf(Path.Combine(folder, name)) != null;

    /// <summary>Makes the folder for a new one, for the holder of the lock.</summary>
    internal void Begin()
    {
        RemoveUnfinished();
        Node.MakeDirectory(WorkFolder, Permission.OwnersFolder);
    }

    /// <summary>Gives it its name, now that all of it is there.</summary>
    internal void Publish(string name, TemplateRecord record)
    {
        File.WriteAllBytes(Path.Combine(WorkFolder, About), WireBytes.Of(record).ToArray());
        foreach (string file in (string[])[Memory, Disk, About])
        {
            string path = Path.Combine(WorkFolder, file);
            Node.SetPermissions(path, ReadableByOwner);
            FileDescriptor.SyncAt(path);
        }

        Directory.Move(WorkFolder, Path.Combine(folder, name));
        FileDescriptor.SyncAt(folder);
    }

    /// <summary>Removes what somebody left who was ended, for the holder of the lock.</summary>
    internal void RemoveUnfinished() => FolderRemoval.Remove(folder, Unfinished);

    /// <summary>Opens one.</summary>
    /// <exception cref="UsageException">there is none of that name, or it is not what was made</exception>
    internal Template Open(string name)
    {
        try
        {
            using SafeFileHandle entry = OpenEntry(name);
            TemplateRecord record = ReadRecord(entry);
            SafeFileHandle memory = OpenFile(entry, Memory, record.MemoryBytes);
            SafeFileHandle disk = OpenFile(entry, Disk, record.DiskBytes);
            return new Template(name, record, memory, disk);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            throw new UsageException($"there is no template {name}; see runcvm template list", e);
        }
        catch (Exception e) when (e is LinuxException or WireFormatException or InvalidDataException)
        {
            throw new UsageException($"template {name} is broken and cannot be used: {e.Message}", e);
        }
    }

    /// <summary>What is known of one.</summary>
    /// <exception cref="UsageException">as <see cref="Open"/></exception>
    internal TemplateRecord Read(string name)
    {
        Template template = Open(name);
        template.Memory.Dispose();
        template.Disk.Dispose();
        return template.Record;
    }

    /// <summary>The names of all.</summary>
    internal IReadOnlyList<string> Names() => !Directory.Exists(folder) ? [] :
    [
        .. Directory.EnumerateDirectories(folder).Select(static path => Path.GetFileName(path))
            .Where(TemplateName.IsOne).Order(StringComparer.Ordinal),
    ];

    /// <summary>What one takes on the disk, without the root image, which is the cache's as well.</summary>
    internal long BytesOf(string name) => ((string[])[Memory, Disk])
        .Sum(file => (long)(FileStatus.TryOf(Path.Combine(folder, name, file))?.AllocatedBytes ?? 0));

    /// <summary>Removes one. Machines that go on from it have its files open, or copies of their own.</summary>
    internal void Remove(string name)
    {
        using LockFile @lock = Lock();
        if (!Has(name)) throw new UsageException($"there is no template {name}");
        // In one step, so that nobody finds half of it.
        RemoveUnfinished();
        Directory.Move(Path.Combine(folder, name), WorkFolder);
        RemoveUnfinished();
    }

    private SafeFileHandle OpenEntry(string name)
    {
        using SafeFileHandle store = FileDescriptor.Open(folder, OpenFlags.Directory | OpenFlags.NoFollow);
        CheckOwner(store, folder);
        SafeFileHandle entry = FileDescriptor.OpenBeneath(store, name, OpenFlags.Directory);
        CheckOwner(entry, name);
        return entry;
    }

    private static TemplateRecord ReadRecord(SafeFileHandle entry)
    {
        using SafeFileHandle about = FileDescriptor.OpenBeneath(entry, About, AtOnce);
        if (FileStatus.Of(about) is not { Kind: FileKind.Regular, Size: <= LongestAbout })
            throw new InvalidDataException($"{About} is no file of ours");
        CheckOwner(about, About);
        return WireBytes.Read<TemplateRecord>(FileDescriptor.ReadToEnd(about));
    }

    private static SafeFileHandle OpenFile(SafeFileHandle entry, string name, ulong bytes)
    {
        SafeFileHandle file = FileDescriptor.OpenBeneath(entry, name, AtOnce);
        FileStatus status = FileStatus.Of(file);
        if (status.Kind != FileKind.Regular || status.Links != 1)
            throw new InvalidDataException($"{name} is no file of ours");
        CheckOwner(file, name);
        return status.Size == bytes ? file
            : throw new InvalidDataException($"{name} has {status.Size} bytes, and not {bytes} as when it was made");
    }

    private static void CheckOwner(SafeFileHandle file, string name)
    {
        FileStatus status = FileStatus.Of(file);
        if (status.Owner != 0 || (status.Permissions & ForOthers) != 0)
            throw new InvalidDataException($"{name} is not root's alone");
    }
}
