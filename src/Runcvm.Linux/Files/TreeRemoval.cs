using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>Removes a folder that somebody hostile wrote to, and writes to no more: as deep and as full as that made
/// it. No path is ever longer than a name, so none is too long for the kernel, and three folders are open at most.
/// For one that is still written to there is <see cref="FolderRemoval"/>.</summary>
public static unsafe class TreeRemoval
{
    /// <summary>Removes it and all that is in it; nothing happens where there is none. No link is followed, and no
    /// mount is entered.</summary>
    /// <param name="path">in a folder that nobody hostile writes to</param>
    /// <exception cref="LinuxException">something in it cannot be removed, because something is mounted there,
    /// say</exception>
    public static void Remove(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        using SafeFileHandle? parent = FileDescriptor.TryOpen(folder, OpenFlags.ReadOnly | OpenFlags.Directory);
        if (parent is null) return;
        byte[] name = Encoding.UTF8.GetBytes(Path.GetFileName(path));
        if (TryUnlink(parent, name)) return;
        using (SafeFileHandle tree = Open(parent, name)) ForAll(tree, entry => Remove(tree, entry));
        RemoveFolder(parent, name);
    }

    // A folder's folders move up beside it, and are removed after it.
    private static void Remove(SafeFileHandle tree, byte[] name)
    {
        if (TryUnlink(tree, name)) return;
        using (SafeFileHandle inner = Open(tree, name))
        {
            ForAll(inner, entry =>
            {
                if (!TryUnlink(inner, entry)) MoveUp(inner, entry, tree);
            });
        }

        RemoveFolder(tree, name);
    }

    // From the beginning after each part that was read, because removing entries may move those that follow.
    private static void ForAll(SafeFileHandle folder, Action<byte[]> remove)
    {
        byte[] buffer = new byte[8 * 1024];
        for (List<byte[]> names; (names = Folder.ReadNames(folder, buffer)).Count > 0; FileDescriptor.Rewind(folder))
            names.ForEach(remove);
    }

    // False for a folder.
    private static bool TryUnlink(SafeFileHandle folder, byte[] name)
    {
        byte* text = Folder.Terminated(name);
        try
        {
            if (Libc.unlinkat(folder, text, 0) == 0) return true;
            Errno errno = SystemCall.LastError;
            if (errno is Errno.ENOENT or Errno.EISDIR) return errno == Errno.ENOENT;
            throw new LinuxException(errno, $"remove {Encoding.UTF8.GetString(name)} from {Folder.PathOf(folder)}");
        }
        finally
        {
            NativeMemory.Free(text);
        }
    }

    private static SafeFileHandle Open(SafeFileHandle folder, byte[] name)
    {
        byte* text = Folder.Terminated(name);
        try
        {
            return FileDescriptor.OpenBeneath(folder, text, OpenFlags.Directory);
        }
        finally
        {
            NativeMemory.Free(text);
        }
    }

    private static void RemoveFolder(SafeFileHandle folder, byte[] name)
    {
        byte* text = Folder.Terminated(name);
        try
        {
            SystemCall.Check(Libc.unlinkat(folder, text, Libc.AT_REMOVEDIR),
                $"remove the folder {Encoding.UTF8.GetString(name)} from {Folder.PathOf(folder)}");
        }
        finally
        {
            NativeMemory.Free(text);
        }
    }

    private static void MoveUp(SafeFileHandle folder, byte[] name, SafeFileHandle tree)
    {
        byte* from = Folder.Terminated(name);
        // A name that nobody else has chosen.
        byte* to = Folder.Terminated(Encoding.UTF8.GetBytes(Guid.NewGuid().ToString()));
        try
        {
            nint result = Libc.syscall(SystemCallNumber.Here.renameat2, folder.DangerousGetHandle(), (nint)from,
                tree.DangerousGetHandle(), (nint)to);
            SystemCall.Check(result,
                $"move {Encoding.UTF8.GetString(name)} from {Folder.PathOf(folder)} to {Folder.PathOf(tree)}");
        }
        finally
        {
            NativeMemory.Free(to);
            NativeMemory.Free(from);
        }
    }
}
