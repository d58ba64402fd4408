using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.HostFiles;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.WarmStarts;

/// <summary>Machines that were saved: for each a file with its memory and devices, and a small one that says how long
/// that is, and what. Root alone writes here, and nothing that a container's sandbox has written comes here.</summary>
internal sealed class SavedMachineStore(string folder = SavedMachineStore.DefaultFolder)
{
    internal const string DefaultFolder = "/var/lib/runcvm/warm";

    private const string Machine = ".machine";
    private const string About = ".about";
    private const string Unfinished = ".tmp";
    private const int LongestAbout = 4096;
    private const uint WritableByOthers = 0x12;
    private const uint ReadableByOwner = 0x100;

    // What takes the place of a file does not make its opening wait.
    private const OpenFlags AtOnce = OpenFlags.ReadOnly | OpenFlags.NonBlocking;

    internal string Folder => folder;

    /// <summary>Where somebody works who makes a machine.</summary>
    internal string WorkFolder => Path.Combine(folder, "work");

    /// <summary>Held by whoever makes a machine.</summary>
    internal LockFile Lock()
    {
        Node.MakeDirectory(folder, Permission.OwnersFolder);
        return LockFile.Acquire(Path.Combine(folder, "lock"));
    }

    /// <summary>Opens a machine's file for reading, or gives null.</summary>
    /// <param name="key">names it</param>
    /// <param name="fault">why one that is there is not used; null where there is none</param>
    internal SafeFileHandle? TryOpen(string key, out string? fault)
    {
        fault = null;
        try
        {
            using SafeFileHandle? store = FileDescriptor.TryOpen(folder, OpenFlags.Directory | OpenFlags.NoFollow);
            if (store == null) return null;
            FileStatus status = FileStatus.Of(store);
            if (status.Owner != 0 || (status.Permissions & WritableByOthers) != 0)
            {
                fault = $"{folder} is not root's alone";
                return null;
            }

            SafeFileHandle? file = Open(store, key, out fault);
            // The last use, for those who make room.
            if (file != null) File.SetLastWriteTimeUtc(file, DateTime.UtcNow);
            return file;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return null;
        }
        catch (Exception e) when (e is LinuxException or IOException or UnauthorizedAccessException)
        {
            fault = e.Message;
            return null;
        }
    }

    /// <summary>Where the file of a machine that is being saved is written.</summary>
    internal string UnfinishedOf(string key) => PathOf(key) + Unfinished;

    /// <summary>Gives a machine its name, now that all of it is there.</summary>
    internal void Publish(string key, string about)
    {
        string unfinished = UnfinishedOf(key);
        Node.SetPermissions(unfinished, ReadableByOwner);
        FileDescriptor.SyncAt(unfinished);
        long length = new FileInfo(unfinished).Length;
        string text = string.Create(CultureInfo.InvariantCulture, $"{length}\n{about}\n");
        // In this order: a machine without the other file is none, and a wrong length is seen.
        AtomicText(AboutOf(key), text);
        File.Move(unfinished, PathOf(key), overwrite: true);
        FileDescriptor.SyncAt(folder);
    }

    /// <summary>The machines, the one longest unused first.</summary>
    internal IReadOnlyList<SavedMachine> All()
    {
        if (!Directory.Exists(folder)) return [];
        return
        [
            .. Directory.EnumerateFiles(folder, "*" + Machine)
                .Select(static file => Path.GetFileNameWithoutExtension(file)).Where(SavedMachineKey.IsKey)
                .Select(TryLookAt).OfType<SavedMachine>().OrderBy(static machine => machine.LastUse),
        ];
    }

    /// <summary>Removes all but those used last, and what was left behind by somebody who did not finish. A machine
    /// that was started from one has its file open, or its memory already.</summary>
    internal IReadOnlyList<SavedMachine> Prune(int keep)
    {
        if (!Directory.Exists(folder)) return [];
        using LockFile @lock = Lock();
        RemoveUnfinished();
        SavedMachine[] removed = [.. All().SkipLast(keep)];
        foreach (SavedMachine machine in removed) Remove(machine);
        return removed;
    }

    /// <summary>Removes what somebody left who was ended, for the holder of the lock.</summary>
    internal void RemoveUnfinished()
    {
        foreach (string file in Directory.EnumerateFiles(folder, "*" + Unfinished)) File.Delete(file);
        // What describes a machine is there before it, and goes after it.
        foreach (string file in Directory.EnumerateFiles(folder, "*" + About))
        {
            if (!File.Exists(Path.ChangeExtension(file, Machine))) File.Delete(file);
        }
    }

    /// <summary>Removes as few as make the store no larger than that, for somebody who holds the lock.</summary>
    internal void Shrink(long mostBytes)
    {
        IReadOnlyList<SavedMachine> machines = All();
        long total = machines.Sum(static machine => machine.Bytes);
        // The one used last stays: it was just made.
        foreach (SavedMachine machine in machines.SkipLast(1))
        {
            if (total <= mostBytes) return;
            Remove(machine);
            total -= machine.Bytes;
        }
    }

    internal string PathOf(string key) => Path.Combine(folder, key + Machine);

    private string AboutOf(string key) => Path.Combine(folder, key + About);

    private static SafeFileHandle? Open(SafeFileHandle store, string key, out string? fault)
    {
        SafeFileHandle file = FileDescriptor.OpenBeneath(store, key + Machine, AtOnce);
        bool isUsable = false;
        try
        {
            FileStatus status = FileStatus.Of(file);
            // Without a name it was removed at this moment, to make room: then it was none.
            fault = status.Links == 0 ? null : FaultOf(store, key, status);
            isUsable = fault == null && status.Links > 0;
            return isUsable ? file : null;
        }
        finally
        {
            if (!isUsable) file.Dispose();
        }
    }

    private static string? FaultOf(SafeFileHandle store, string key, FileStatus status)
    {
        if (status.Kind != FileKind.Regular) return "it is no file";
        if (status.Owner != 0 || (status.Permissions & WritableByOthers) != 0 || status.Links != 1)
            return "it is not root's alone";
        using SafeFileHandle about = FileDescriptor.OpenBeneath(store, key + About, AtOnce);
        FileStatus ofAbout = FileStatus.Of(about);
        if (ofAbout is not { Kind: FileKind.Regular, Owner: 0, Size: <= LongestAbout })
            return "what describes it is not root's";
        string[] lines = Encoding.UTF8.GetString(FileDescriptor.ReadToEnd(about)).Split('\n');
        bool isNumber = ulong.TryParse(lines[0], NumberStyles.None, CultureInfo.InvariantCulture, out ulong length);
        return isNumber && length == status.Size
            ? null : $"it has {status.Size} bytes, and not the {lines[0]} that it was saved with";
    }

    private SavedMachine? TryLookAt(string key)
    {
        if (FileStatus.TryOf(PathOf(key)) is not { Kind: FileKind.Regular } status) return null;
        byte[]? about = FileStatus.TryOf(AboutOf(key)) == null ? null
            : FileDescriptor.TryReadRegular(AboutOf(key), LongestAbout);
        string[] lines = about == null ? [] : Encoding.UTF8.GetString(about).Split('\n');
        DateTime used = DateTime.UnixEpoch.AddTicks(status.ModifiedNanoseconds / 100);
        return new SavedMachine(key, (long)status.Size, used, lines.ElementAtOrDefault(1));
    }

    private void Remove(SavedMachine machine)
    {
        File.Delete(PathOf(machine.Key));
        File.Delete(AboutOf(machine.Key));
    }

    private static void AtomicText(string path, string text)
    {
        string unfinished = path + Unfinished;
        File.WriteAllText(unfinished, text);
        FileDescriptor.SyncAt(unfinished);
        File.Move(unfinished, path, overwrite: true);
    }
}
