using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>Removes a folder that somebody hostile may have written to, or writes to at this moment. Every step goes
/// from an open folder to one name in it: no link is followed, no mount is entered, and neither depth nor number of
/// entries is without bound.</summary>
public static unsafe class FolderRemoval
{
    /// <summary>How deep folders may lie in one that is removed.</summary>
    public const int MostLevels = 16;

    /// <summary>How many entries there may be in one that is removed, those of its folders included.</summary>
    public const int MostEntries = 16 * 1024;

    /// <summary>Removes the entry of that name and all that is in it; nothing happens where there is none.</summary>
    /// <param name="parent">a folder that nobody hostile writes to</param>
    /// <param name="name">in it</param>
    /// <exception cref="IOException">it is too deep, or holds too much</exception>
    /// <exception cref="LinuxException">something in it cannot be removed, because something is mounted there,
    /// say</exception>
    public static void Remove(string parent, string name)
    {
        using SafeFileHandle? folder = FileDescriptor.TryOpen(parent, OpenFlags.ReadOnly | OpenFlags.Directory);
        if (folder is null) return;
        int left = MostEntries;
        Remove(folder, Encoding.UTF8.GetBytes(name), MostLevels, ref left);
    }

    private static void Remove(SafeFileHandle folder, byte[] name, int levels, ref int left)
    {
        if (left-- == 0)
            throw new IOException(
                $"more than {MostEntries} entries are in the way, and {Folder.PathOf(folder)} holds more; remove it by hand");
        byte* text = Folder.Terminated(name);
        try
        {
            if (Libc.unlinkat(folder, text, 0) == 0) return;
            Errno errno = SystemCall.LastError;
            if (errno == Errno.ENOENT) return;
            if (errno != Errno.EISDIR)
                throw new LinuxException(errno, $"remove {Encoding.UTF8.GetString(name)} from {Folder.PathOf(folder)}");
            if (levels == 0)
                throw new IOException(
                    $"{Folder.PathOf(folder)} holds folders deeper than {MostLevels} levels; remove it by hand");
            using (SafeFileHandle inner = FileDescriptor.OpenBeneath(folder, text, OpenFlags.Directory))
                Empty(inner, levels - 1, ref left);
            SystemCall.Check(Libc.unlinkat(folder, text, Libc.AT_REMOVEDIR),
                $"remove the folder {Encoding.UTF8.GetString(name)} from {Folder.PathOf(folder)}");
        }
        finally
        {
            NativeMemory.Free(text);
        }
    }

    // From the beginning after each part that was read, because removing entries may move those that follow.
    private static void Empty(SafeFileHandle folder, int levels, ref int left)
    {
        byte[] buffer = new byte[8 * 1024];
        while (true)
        {
            List<byte[]> names = Folder.ReadNames(folder, buffer);
            if (names.Count == 0) return;
            foreach (byte[] name in names) Remove(folder, name, levels, ref left);
            FileDescriptor.Rewind(folder);
        }
    }
}
