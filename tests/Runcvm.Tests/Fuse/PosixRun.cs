using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;
using Runcvm.Linux.Processes;

namespace Runcvm.Tests.Fuse;

/// <summary>System calls in a folder, and a protocol of what came of each: that of a share must be that of a plain folder.</summary>
internal sealed class PosixRun(string root) : IDisposable
{
    internal const int ReadOnly = 0;
    internal const int WriteOnly = 1;
    internal const int ReadWrite = 2;
    internal const int Create = 0x40;
    internal const int Exclusive = 0x80;
    internal const int Truncate = 0x200;
    internal const int Append = 0x400;

    // Opening a pipe must not wait for its other end.
    private const int NonBlocking = 0x800;
    internal const int OnlyDirectory = 0x10000;
    internal const int NoFollow = 0x20000;

    private readonly List<SafeFileHandle> _open = [];
    private readonly StringBuilder _protocol = new();

    internal string Root { get; } = root;

    internal string Protocol => _protocol.ToString();

    internal string At(string path) => path.Length == 0 ? Root : Path.Combine(Root, path);

    internal void Note(string line) => _protocol.Append(line).Append('\n');

    internal long Say(string what, long result)
    {
        Note(result < 0 ? $"{what}: {(Errno)(-result)}" : $"{what}: {result}");
        return result;
    }

    internal SafeFileHandle? Open(string path, int flags, uint mode = 0x1A4)
    {
        SafeFileHandle file = Libc.open(At(path), flags | 0x80000 | NonBlocking, mode);
        Say($"open {path} {flags:x} {Oct(mode)}", file.IsInvalid ? -(int)SystemCall.LastError : 0);
        if (file.IsInvalid) return null;
        _open.Add(file);
        return file;
    }

    internal void Make(string path, string content = "", uint mode = 0x1A4)
    {
        SafeFileHandle? file = Open(path, WriteOnly | Create | Truncate, mode);
        if (file != null && content.Length > 0) Write(file, 0, content);
        Close(file);
    }

    internal void Close(SafeFileHandle? file)
    {
        file?.Dispose();
    }

    internal void Write(SafeFileHandle file, long offset, string text) => Say($"write at {offset}", FileCall.Write(file, Encoding.ASCII.GetBytes(text), offset));

    internal void Read(SafeFileHandle file, long offset, int count)
    {
        byte[] buffer = new byte[count];
        long n = Say($"read at {offset}", FileCall.Read(file, buffer, offset));
        if (n > 0) Note("  " + Convert.ToHexString(buffer.AsSpan(0, (int)Math.Min(n, 64))));
    }

    internal void Mkdir(string path, uint mode = 0x1ED) => Say($"mkdir {path} {Oct(mode)}", Native(Libc.mkdir(At(path), mode)));

    internal void Mknod(string path, FileKind kind, uint mode, ulong device = 0)
        => Say($"mknod {path} {kind} {Oct(mode)}", Native(Libc.mknod(At(path), (uint)kind | mode, device)));

    internal void Chmod(string path, uint mode) => Say($"chmod {path} {Oct(mode)}", Native(Libc.chmod(At(path), mode)));

    internal void Chown(string path, uint user, uint group) => Say($"lchown {path} {user} {group}", Native(Libc.lchown(At(path), user, group)));

    internal void Unlink(string path) => InFolder($"unlink {path}", path, FileCall.Unlink);

    internal void Rmdir(string path) => InFolder($"rmdir {path}", path, FileCall.RemoveDirectory);

    internal void Symlink(string target, string path)
        => InFolder($"symlink {target.Length} {path}", path, (parent, name) => FileCall.MakeSymbolicLink(Encoding.UTF8.GetBytes(target + "\0"), parent, name));

    internal void Link(string from, string to)
    {
        using SafeFileHandle? node = Node(from);
        if (node != null) InFolder($"link {from} {to}", to, (parent, name) => FileCall.MakeLink(node, parent, name));
    }

    internal void Rename(string from, string to, uint flags = 0)
        => InFolder($"rename {from} {to} {flags}", from, (parent, name) =>
        {
            using SafeFileHandle target = Libc.open(Path.GetDirectoryName(At(to))!, 0x200000 | 0x80000, 0);
            if (target.IsInvalid) return -(int)SystemCall.LastError;
            EntryName.Read(Encoding.UTF8.GetBytes(Path.GetFileName(to) + "\0"), out EntryName newName);
            return FileCall.Rename(parent, name, target, newName, flags);
        });

    internal void Readlink(string path)
    {
        using SafeFileHandle? node = Node(path);
        if (node == null) return;
        byte[] text = new byte[5000];
        long n = Say($"readlink {path}", FileCall.ReadLink(node, text));
        if (n > 0) Note("  " + Encoding.UTF8.GetString(text, 0, (int)Math.Min(n, 100)));
    }

    internal void Resize(string path, long length)
    {
        using SafeFileHandle? node = Node(path);
        if (node != null) Say($"truncate {path} {length}", FileCall.Truncate(node, length));
    }

    internal void Times(string path, TimeChange access, NodeTime accessed, TimeChange modification, NodeTime modified)
    {
        using SafeFileHandle? node = Node(path);
        if (node != null) Say($"utimens {path} {access} {modification}", FileCall.SetTimes(node, access, accessed, modification, modified));
    }

    internal void SetAttribute(string path, string name, ReadOnlySpan<byte> value, uint flags = 0)
    {
        using SafeFileHandle? node = Node(path);
        if (node != null) Say($"setxattr {path} {name} {flags}", FileCall.SetAttribute(node, Encoding.UTF8.GetBytes(name + "\0"), value, flags));
    }

    internal void GetAttribute(string path, string name, int room = 65536)
    {
        using SafeFileHandle? node = Node(path);
        if (node == null) return;
        byte[] value = new byte[room];
        long n = Say($"getxattr {path} {name}", FileCall.GetAttribute(node, Encoding.UTF8.GetBytes(name + "\0"), value));
        if (n > 0) Note("  " + Convert.ToHexString(value.AsSpan(0, (int)Math.Min(n, room))));
    }

    internal void RemoveAttribute(string path, string name)
    {
        using SafeFileHandle? node = Node(path);
        if (node != null) Say($"removexattr {path} {name}", FileCall.RemoveAttribute(node, Encoding.UTF8.GetBytes(name + "\0")));
    }

    internal void ListAttributes(string path)
    {
        using SafeFileHandle? node = Node(path);
        if (node == null) return;
        byte[] list = new byte[65536];
        long n = FileCall.ListAttributes(node, list);
        Say($"listxattr {path}", Math.Min(n, 0));
        if (n > 0) Note("  " + string.Join(' ', Encoding.UTF8.GetString(list, 0, (int)n).Split('\0', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)));
    }

    internal void Stat(string path)
    {
        using SafeFileHandle? node = Node(path);
        if (node != null) Stat(path, node);
    }

    internal void Stat(string name, SafeFileHandle file)
    {
        int error = FileCall.Status(file, out NodeStatus s);
        if (error < 0) Say($"stat {name}", error);
        // A directory's size and its links are the file system's way of counting, the same on both sides here.
        else Note($"stat {name}: {s.Kind} {Oct(s.Mode & 0xFFF)} {s.Owner}:{s.Group} {s.Links} links {s.Size} bytes device {s.SpecialDevice:x}");
    }

    internal NodeStatus StatusOf(string path)
    {
        using SafeFileHandle? node = Node(path);
        return node != null && FileCall.Status(node, out NodeStatus status) == 0 ? status : default;
    }

    internal SafeFileHandle? Node(string path)
    {
        SafeFileHandle file = Libc.open(At(path), 0x200000 | NoFollow | 0x80000, 0);
        if (!file.IsInvalid) return file;
        Say($"look at {path}", -(int)SystemCall.LastError);
        return null;
    }

    /// <summary>Says which times of the given nodes an action changes.</summary>
    internal void Touches(string what, Action action, params string[] paths)
    {
        NodeStatus[] before = [.. paths.Select(StatusOf)];
        UntilTheClockMoves();
        action();
        for (int i = 0; i < paths.Length; i++)
        {
            NodeStatus after = StatusOf(paths[i]);
            Note($"{what} changes of '{paths[i]}':{(after.Accessed != before[i].Accessed ? " atime" : "")}{(after.Modified != before[i].Modified ? " mtime" : "")}{(after.Changed != before[i].Changed ? " ctime" : "")}");
        }
    }

    /// <summary>Does something as another user, who has no capabilities.</summary>
    internal void As(uint user, uint group, Action action)
    {
        Note($"as {user}:{group}");
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                // The ids of this thread only, which ends with them.
                CurrentProcess.SetIdentity(user, group, []);
                action();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        if (failure != null) throw new InvalidOperationException("as another user", failure);
        Note("as root");
    }

    public void Dispose()
    {
        foreach (SafeFileHandle file in _open) file.Dispose();
    }

    internal static string Oct(uint mode) => Convert.ToString(mode, 8);

    // Time stamps move with the kernel's tick: a file is touched until its own has moved.
    private static void UntilTheClockMoves()
    {
        string probe = Path.GetTempFileName();
        DateTime first = File.GetLastWriteTimeUtc(probe);
        do File.WriteAllText(probe, DateTime.UtcNow.Ticks.ToString(CultureInfo.InvariantCulture));
        while (File.GetLastWriteTimeUtc(probe) == first);
        File.Delete(probe);
    }

    private static int Native(int result) => result < 0 ? -(int)SystemCall.LastError : result;

    private delegate int Call(SafeFileHandle parent, EntryName name);

    private void InFolder(string what, string path, Call call)
    {
        SafeFileHandle parent = Libc.open(Path.GetDirectoryName(At(path))!, 0x200000 | 0x80000, 0);
        using (parent)
        {
            if (parent.IsInvalid)
            {
                Say(what, -(int)SystemCall.LastError);
                return;
            }

            int error = EntryName.Read(Encoding.UTF8.GetBytes(Path.GetFileName(path) + "\0"), out EntryName name);
            Say(what, error < 0 ? error : call(parent, name));
        }
    }
}
