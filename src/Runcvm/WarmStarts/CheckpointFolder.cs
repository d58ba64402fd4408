using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Wire;

namespace Runcvm.WarmStarts;

/// <summary>The folder of a checkpoint, which an engine chooses, moves and packs. It holds all of a machine's memory:
/// its files are root's alone. One that is read may come from anywhere: what is in it is bounded, and is no more than a
/// guest's memory, a guest's disk, and words that must be those of the machine that is made.</summary>
internal sealed class CheckpointFolder : IDisposable
{
    internal const string Memory = "memory";
    internal const string Disk = "disk";

    /// <summary>Written last. Podman looks for a file of this name before it asks for a restore.</summary>
    internal const string Inventory = "inventory.img";

    private static readonly byte[] Mark = Encoding.ASCII.GetBytes("RunCVM checkpoint 1\n");

    private const int LongestInventory = 1024 * 1024;
    private const uint ReadableByOwner = 0x100;
    private const uint ForOthers = 0x3F;
    private const uint WritableByOthers = 0x12;

    // What takes the place of a file does not make its opening wait.
    private const OpenFlags AtOnce = OpenFlags.ReadOnly | OpenFlags.NonBlocking;

    private readonly SafeFileHandle _folder;
    private readonly List<string> _made = [];

    private CheckpointFolder(SafeFileHandle folder) => _folder = folder;

    /// <summary>Opens a folder that root alone changes.</summary>
    /// <param name="path">of it</param>
    /// <param name="isNew">whether it is made where it is missing</param>
    internal static CheckpointFolder At(string path, bool isNew)
    {
        if (isNew) Node.MakeDirectory(path, Permission.OwnersFolder);
        SafeFileHandle folder = FileDescriptor.TryOpen(path, OpenFlags.ReadOnly | OpenFlags.Directory)
            ?? throw new UsageException($"there is no folder {path} with a checkpoint");
        FileStatus status = FileStatus.Of(folder);
        return status.Owner == 0 && (status.Permissions & WritableByOthers) == 0 ? new CheckpointFolder(folder)
            : throw new UsageException($"others than root can change {path}; a checkpoint needs a folder of root's");
    }

    /// <summary>Makes a file in it that is not there yet.</summary>
    internal FileStream Create(string name)
    {
        const OpenFlags New = OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.NoFollow;
        try
        {
            SafeFileHandle file = FileDescriptor.Open(PathOf(name), New, ReadableByOwner);
            _made.Add(name);
            return new FileStream(file, FileAccess.Write);
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            throw new UsageException($"the folder has a file {name} already; give the checkpoint one of its own", e);
        }
    }

    /// <summary>Says what is in it, now that all is there.</summary>
    internal void Finish(CheckpointRecord record)
    {
        using (FileStream inventory = Create(Inventory))
        {
            inventory.Write(Mark);
            inventory.Write(WireBytes.Of(record));
            inventory.Flush(flushToDisk: true);
        }

        FileDescriptor.Sync(_folder);
    }

    /// <summary>Removes what was made.</summary>
    internal void GiveUp()
    {
        foreach (string name in _made) File.Delete(PathOf(name));
    }

    /// <summary>Opens what is in it.</summary>
    /// <exception cref="UsageException">it is no checkpoint, or not what was made</exception>
    internal Checkpoint Open()
    {
        try
        {
            CheckpointRecord record = ReadRecord();
            SafeFileHandle memory = OpenFile(Memory, record.Machine.MemoryBytes);
            return new Checkpoint(record, memory, OpenFile(Disk, record.PackedBytes));
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            throw new UsageException($"it is no whole checkpoint of RunCVM's: {e.Message}", e);
        }
        catch (Exception e) when (e is LinuxException or WireFormatException or InvalidDataException)
        {
            throw new UsageException($"the checkpoint cannot be used: {e.Message}", e);
        }
    }

    public void Dispose() => _folder.Dispose();

    private string PathOf(string name) => $"{FileDescriptor.PathOf(_folder)}/{name}";

    private CheckpointRecord ReadRecord()
    {
        using SafeFileHandle inventory = OpenFile(Inventory, bytes: null);
        if (FileStatus.Of(inventory).Size > LongestInventory)
            throw new InvalidDataException($"{Inventory} is too long");
        byte[] content = FileDescriptor.ReadToEnd(inventory);
        return content.AsSpan().StartsWith(Mark) ? WireBytes.Read<CheckpointRecord>(content.AsSpan(Mark.Length))
            : throw new InvalidDataException($"{Inventory} is not of this version of RunCVM, or of another program");
    }

    private SafeFileHandle OpenFile(string name, ulong? bytes)
    {
        SafeFileHandle file = FileDescriptor.OpenBeneath(_folder, name, AtOnce);
        FileStatus status = FileStatus.Of(file);
        string fault = status.Kind != FileKind.Regular || status.Links != 1 ? "is no file of a checkpoint"
            : status.Owner != 0 || (status.Permissions & ForOthers) != 0 ? "is not root's alone"
            : bytes is { } whole && status.Size != whole
                ? $"has {status.Size} bytes, and not {whole} as when it was made" : "";
        if (fault.Length == 0) return file;
        file.Dispose();
        throw new InvalidDataException($"{name} {fault}");
    }
}
