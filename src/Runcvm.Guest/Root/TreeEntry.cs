using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Guest.Root;

/// <summary>A name in an open folder, links not followed. Its bytes, because a file name need not be UTF-8.</summary>
internal readonly struct TreeEntry
{
    private readonly SafeFileHandle _folder;
    private readonly byte[] _terminated;

    /// <param name="folder">open, as long as the entry is used</param>
    /// <param name="name">without a final zero</param>
    internal TreeEntry(SafeFileHandle folder, ReadOnlySpan<byte> name)
    {
        _folder = folder;
        _terminated = [.. name, 0];
    }

    private EntryName Name
    {
        get
        {
            Check(EntryName.Read(_terminated, out EntryName name), "use the name of");
            return name;
        }
    }

    /// <summary>What is there, or null.</summary>
    internal SafeFileHandle? TryFind()
    {
        int result = FileCall.Open(_folder, Name, OpenFlags.Path, 0, out SafeFileHandle found);
        if (result == -(int)Errno.ENOENT) return null;
        Check(result, "find");
        return found;
    }

    internal SafeFileHandle Find() => TryFind() ?? throw new LinuxException(Errno.ENOENT, $"find {this}");

    internal SafeFileHandle Open(OpenFlags flags, uint mode = 0)
    {
        Check(FileCall.Open(_folder, Name, flags, mode, out SafeFileHandle file), "open");
        return file;
    }

    internal SafeFileHandle OpenFolder() => Open(OpenFlags.ReadOnly | OpenFlags.Directory);

    /// <summary>Makes a folder, if none is there.</summary>
    internal void MakeFolder()
    {
        int result = FileCall.MakeDirectory(_folder, Name, Permission.PlainFolder);
        if (result != -(int)Errno.EEXIST) Check(result, "make folder");
    }

    internal void MakeNode(FileStatus like) => Check(FileCall.MakeNode(_folder, Name, (uint)like.Kind | like.Permissions, like.SpecialDevice), "make node");

    /// <summary>Makes a link that says what another one says.</summary>
    internal void MakeLink(SafeFileHandle like)
    {
        // PATH_MAX of linux/limits.h.
        byte[] text = new byte[4096];
        long length = FileCall.ReadLink(like, text.AsSpan(..^1));
        Check((int)length, "read link");
        Check(FileCall.MakeSymbolicLink(text.AsSpan(0, (int)length + 1), _folder, Name), "make link");
    }

    /// <summary>Removes it, a folder with everything in it.</summary>
    internal void Remove()
    {
        using SafeFileHandle found = Find();
        if (FileStatus.Of(found).Kind != FileKind.Directory)
        {
            Check(FileCall.Unlink(_folder, Name), "remove");
            return;
        }

        using (SafeFileHandle folder = OpenFolder())
            foreach (TreeEntry entry in In(folder)) entry.Remove();
        Check(FileCall.RemoveDirectory(_folder, Name), "remove folder");
    }

    /// <summary>Everything in a folder.</summary>
    internal static List<TreeEntry> In(SafeFileHandle folder)
    {
        using Folder open = Folder.Open(FileDescriptor.PathOf(folder) + "/.");
        return [.. open.Read().Select(entry => new TreeEntry(folder, entry.Name))];
    }

    /// <summary>The same name in another folder.</summary>
    internal TreeEntry At(SafeFileHandle folder) => new(folder, _terminated.AsSpan(..^1));

    internal bool IsNamed(ReadOnlySpan<byte> name) => _terminated.AsSpan(..^1).SequenceEqual(name);

    /// <summary>For messages.</summary>
    public override string ToString() => $"{new FileInfo(FileDescriptor.PathOf(_folder)).LinkTarget}/{System.Text.Encoding.UTF8.GetString(_terminated.AsSpan(..^1))}";

    private void Check(int result, string what)
    {
        if (result < 0) throw new LinuxException((Errno)(-result), $"{what} {this}");
    }
}
