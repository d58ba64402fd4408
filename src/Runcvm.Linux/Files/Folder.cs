using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>An entry of a directory.</summary>
/// <param name="Name">its bytes; a file name need not be UTF-8</param>
/// <param name="Status">links not followed</param>
public readonly record struct FolderEntry(byte[] Name, FileStatus Status);

/// <summary>An open directory. Names are bytes throughout: decoding them would lose those that are not UTF-8.</summary>
public sealed unsafe class Folder : IDisposable
{
    private const OpenFlags Flags = OpenFlags.Directory | OpenFlags.NoFollow | OpenFlags.CloseOnExec;

    // struct linux_dirent64: u64 d_ino, s64 d_off, u16 d_reclen, u8 d_type, name with a final zero.
    private const int RecordLength = 16;
    private const int Name = 19;

    private readonly SafeFileHandle _file;

    private Folder(SafeFileHandle file) => _file = file;

    /// <summary>Opens a directory by its path.</summary>
    public static Folder Open(string path) => new(FileDescriptor.Open(path, Flags));

    /// <summary>Opens a directory in this one, or null when it is gone or no directory any more.</summary>
    public Folder? TryOpen(byte[] name)
    {
        byte* text = Terminated(name);
        try
        {
            SafeFileHandle file = Libc.openat(_file, text, OpenFlagValues.ToNative(Flags), 0);
            if (file.IsInvalid && SystemCall.LastError is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP) return null;
            SystemCall.Check(file.IsInvalid ? -1 : 0, $"open a folder below {this}");
            return new Folder(file);
        }
        finally
        {
            NativeMemory.Free(text);
        }
    }

    /// <summary>fchownat(2) of an entry; a link is not followed.</summary>
    public void SetOwner(byte[] name, uint owner, uint group)
    {
        byte* text = Terminated(name);
        try
        {
            int result = Libc.fchownat(_file, text, owner, group, Libc.AT_SYMLINK_NOFOLLOW);
            SystemCall.Check(result, $"change the owner of a file below {this}");
        }
        finally
        {
            NativeMemory.Free(text);
        }
    }

    /// <summary>Gives an entry these permissions and no access list; see <see cref="Node.SetPermissionsAlone"/>. A
    /// link is not followed.</summary>
    public void SetPermissionsAlone(byte[] name, uint permissions)
    {
        byte* text = Terminated(name);
        try
        {
            using SafeFileHandle file =
                FileDescriptor.OpenBeneath(_file, text, OpenFlags.Path | OpenFlags.NoFollow);
            Node.SetPermissionsAlone(FileDescriptor.PathOf(file), permissions);
        }
        finally
        {
            NativeMemory.Free(text);
        }
    }

    /// <summary>getdents64(2) to the end, with the status of each entry; can be read once.</summary>
    public List<FolderEntry> Read()
    {
        var entries = new List<FolderEntry>();
        byte[] buffer = new byte[32 * 1024];
        fixed (byte* p = buffer)
        {
            while (true)
            {
                nint end = Libc.syscall(SystemCallNumber.Here.getdents64, _file.DangerousGetHandle(), (nint)p, buffer.Length);
                if (SystemCall.Check(end, $"read folder {this}") == 0) return entries;
                for (nint at = 0; at < end; at += *(ushort*)(p + at + RecordLength))
                {
                    byte* name = p + at + Name;
                    ReadOnlySpan<byte> text = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name);
                    if (text is [(byte)'.'] or [(byte)'.', (byte)'.']) continue;
                    if (StatusOf(name) is { } status) entries.Add(new FolderEntry(text.ToArray(), status));
                }
            }
        }
    }

    /// <summary>getdents64(2) once: some names of an open folder, or none at the end. "." and ".." are left
    /// out.</summary>
    internal static List<byte[]> ReadNames(SafeFileHandle folder, byte[] buffer)
    {
        var names = new List<byte[]>();
        fixed (byte* p = buffer)
        {
            while (names.Count == 0)
            {
                nint end =
                    Libc.syscall(SystemCallNumber.Here.getdents64, folder.DangerousGetHandle(), (nint)p, buffer.Length);
                if (SystemCall.Check(end, $"read folder {PathOf(folder)}") == 0) break;
                for (nint at = 0; at < end; at += *(ushort*)(p + at + RecordLength))
                {
                    ReadOnlySpan<byte> text = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(p + at + Name);
                    if (text is not ([(byte)'.'] or [(byte)'.', (byte)'.'])) names.Add(text.ToArray());
                }
            }
        }

        return names;
    }

    /// <summary>Its path, for messages.</summary>
    public override string ToString() => PathOf(_file);

    internal static string PathOf(SafeFileHandle folder)
        => new FileInfo(FileDescriptor.PathOf(folder)).LinkTarget ?? "(closed)";

    /// <summary>Closes it.</summary>
    public void Dispose() => _file.Dispose();

    private FileStatus? StatusOf(byte* name)
    {
        int result = Libc.statx(_file, name, Libc.AT_SYMLINK_NOFOLLOW, FileStatus.BasicStats, out Libc.statx_t status);
        if (result < 0 && SystemCall.LastError == Errno.ENOENT) return null;
        SystemCall.Check(result, $"look at an entry of {this}");
        return FileStatus.From(status);
    }

    internal static byte* Terminated(byte[] name)
    {
        byte* text = (byte*)NativeMemory.Alloc((nuint)name.Length + 1);
        name.CopyTo(new Span<byte>(text, name.Length));
        text[name.Length] = 0;
        return text;
    }
}
