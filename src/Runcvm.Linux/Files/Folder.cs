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

    /// <summary>getdents64(2) to the end, with the status of each entry; can be read once.</summary>
    public List<FolderEntry> Read()
    {
        // struct linux_dirent64: u64 d_ino, s64 d_off, u16 d_reclen, u8 d_type, name with a final zero.
        const int RecordLength = 16;
        const int Name = 19;
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

    /// <summary>Its path, for messages.</summary>
    public override string ToString() => new FileInfo(FileDescriptor.PathOf(_file)).LinkTarget ?? "(closed)";

    /// <summary>Closes it.</summary>
    public void Dispose() => _file.Dispose();

    private FileStatus? StatusOf(byte* name)
    {
        int result = Libc.statx(_file, name, Libc.AT_SYMLINK_NOFOLLOW, FileStatus.BasicStats, out Libc.statx_t status);
        if (result < 0 && SystemCall.LastError == Errno.ENOENT) return null;
        SystemCall.Check(result, $"look at an entry of {this}");
        return FileStatus.From(status);
    }

    private static byte* Terminated(byte[] name)
    {
        byte* text = (byte*)NativeMemory.Alloc((nuint)name.Length + 1);
        name.CopyTo(new Span<byte>(text, name.Length));
        text[name.Length] = 0;
        return text;
    }
}
