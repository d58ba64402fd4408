using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Runcvm.Fuse;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;

namespace Runcvm.Tests.Fuse;

/// <summary>Several roots that one mount serves; the requests are written by hand.</summary>
public sealed class RootsTests : IDisposable
{
    private const ulong Top = 1;

    private readonly string _place = Directory.CreateTempSubdirectory("runcvm-roots-").FullName;
    private readonly FileServer _server;

    public RootsTests()
    {
        foreach (string folder in new[] { "a", "b" }) Directory.CreateDirectory(Path.Combine(_place, folder));
        File.WriteAllText(Path.Combine(_place, "file"), "alone");
        File.WriteAllText(Path.Combine(_place, "b", "inside"), "");
        File.WriteAllText(Path.Combine(_place, "a", "mark"), "");
        _server = new FileServer(
            [new SharedRoot(Path.Combine(_place, "a"), false, "mark"), new SharedRoot(Path.Combine(_place, "b"), true), new SharedRoot(Path.Combine(_place, "file"), false)],
            CachePolicy.Auto, new NodeLimit(long.MaxValue), static _ => { });
    }

    [Fact]
    public void Each_root_is_an_entry_by_its_place_in_the_list()
    {
        Assert.Equal(Errno.None, Send(Opcode.Lookup, Top, Name("0"), out EntryOut first));
        Assert.Equal(Errno.None, Send(Opcode.Lookup, Top, Name("2"), out EntryOut third));
        Assert.Equal(0x4000u, first.Attr.Mode & 0xF000);
        Assert.Equal(0x8000u, third.Attr.Mode & 0xF000);
        Assert.Equal(5ul, third.Attr.Size);
        Assert.NotEqual(first.Nodeid, third.Nodeid);
        // A root stays, however often it is forgotten.
        Send(Opcode.Forget, first.Nodeid, BitConverter.GetBytes(ulong.MaxValue), out EntryOut _);
        Assert.Equal(Errno.None, Send(Opcode.Getattr, first.Nodeid, new byte[16], out AttrOut _));
    }

    [Theory]
    [InlineData("3")]
    [InlineData("-1")]
    [InlineData("a")]
    [InlineData("0x")]
    [InlineData("99999999999999999999")]
    public void There_is_nothing_else(string name) => Assert.Equal(Errno.ENOENT, Send(Opcode.Lookup, Top, Name(name), out EntryOut _));

    [Theory]
    [InlineData((uint)Opcode.Mkdir)]
    [InlineData((uint)Opcode.Unlink)]
    [InlineData((uint)Opcode.Rename2)]
    [InlineData((uint)Opcode.Create)]
    [InlineData((uint)Opcode.Opendir)]
    [InlineData((uint)Opcode.Setattr)]
    [InlineData((uint)Opcode.Setxattr)]
    public void Nothing_can_be_done_with_the_folder_of_the_roots(uint opcode)
        => Assert.Equal(Errno.EACCES, Send((Opcode)opcode, Top, [.. new byte[16], .. Name("0")], out EntryOut _));

    [Fact]
    public void What_is_hidden_is_not_there_and_cannot_be_made()
    {
        Send(Opcode.Lookup, Top, Name("0"), out EntryOut folder);
        Assert.Equal(Errno.None, Send(Opcode.Mkdir, folder.Nodeid, [0xED, 1, 0, 0, 0, 0, 0, 0, .. Name("seen")], out EntryOut seen));
        // Without a node: that there is none may be remembered.
        Assert.Equal(Errno.None, Send(Opcode.Lookup, folder.Nodeid, Name("mark"), out EntryOut none));
        Assert.Equal(0ul, none.Nodeid);
        Assert.Equal(Errno.EPERM, Send(Opcode.Unlink, folder.Nodeid, Name("mark"), out EntryOut _));
        Assert.Equal(Errno.EPERM, Send(Opcode.Rename, folder.Nodeid, [.. BitConverter.GetBytes(folder.Nodeid), .. Name("seen"), .. Name("mark")], out EntryOut _));
        Assert.Equal([".", "..", "seen"], Entries(folder.Nodeid));
        // Only at the top.
        Assert.Equal(Errno.None, Send(Opcode.Mkdir, seen.Nodeid, [0xED, 1, 0, 0, 0, 0, 0, 0, .. Name("mark")], out EntryOut _));
        Assert.True(File.Exists(Path.Combine(_place, "a", "mark")));
    }

    [Fact]
    public void What_is_for_reading_only_is_so_at_every_depth()
    {
        Send(Opcode.Lookup, Top, Name("1"), out EntryOut folder);
        Assert.Equal(Errno.EROFS, Send(Opcode.Unlink, folder.Nodeid, Name("inside"), out EntryOut _));
        Send(Opcode.Lookup, folder.Nodeid, Name("inside"), out EntryOut inside);
        Assert.Equal(Errno.EROFS, Send(Opcode.Open, inside.Nodeid, [2, 0, 0, 0, 0, 0, 0, 0], out OpenOut _));
        Assert.Equal(Errno.None, Send(Opcode.Open, inside.Nodeid, [0, 0, 0, 0, 0, 0, 0, 0], out OpenOut _));
        Send(Opcode.Lookup, Top, Name("0"), out EntryOut other);
        Assert.Equal(Errno.None, Send(Opcode.Mkdir, other.Nodeid, [0xED, 1, 0, 0, 0, 0, 0, 0, .. Name("new")], out EntryOut _));
        Assert.True(Directory.Exists(Path.Combine(_place, "a", "new")));
    }

    [Fact]
    public void What_is_for_reading_only_can_be_copied_from_but_not_to()
    {
        File.WriteAllText(Path.Combine(_place, "b", "inside"), "content");
        File.WriteAllText(Path.Combine(_place, "a", "copy"), "");
        (ulong readOnly, OpenOut source) = Opened("1", "inside", 0);
        (ulong writable, OpenOut target) = Opened("0", "copy", 2);
        Assert.Equal(Errno.None, Copy(readOnly, source, writable, target));
        Assert.Equal("content", File.ReadAllText(Path.Combine(_place, "a", "copy")));
        Assert.Equal(Errno.EBADF, Copy(writable, target, readOnly, source));
        Assert.Equal("content", File.ReadAllText(Path.Combine(_place, "b", "inside")));
    }

    [Fact]
    public void A_root_that_comes_later_is_served_until_it_goes_and_its_number_never_again()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_place, "later")).FullName;
        File.WriteAllText(Path.Combine(folder, "file"), "");
        Assert.Equal(Errno.ENOENT, Send(Opcode.Lookup, Top, Name("7"), out EntryOut _));
        _server.AddRoot(7, FileDescriptor.Open(folder, OpenFlags.Path), readOnly: false);
        Assert.Equal(Errno.None, Send(Opcode.Lookup, Top, Name("7"), out EntryOut root));
        // Asked for each time, so that the guest's kernel learns when it is gone.
        Assert.Equal(0ul, root.EntryValid);
        Assert.Equal(Errno.None, Send(Opcode.Lookup, root.Nodeid, Name("file"), out EntryOut file));
        Assert.Equal(Errno.None, Send(Opcode.Getattr, file.Nodeid, new byte[16], out AttrOut _));
        int nodes = _server.Nodes;

        _server.RemoveRoot(7);
        Assert.Equal(0, _server.NodeDescriptors);
        Assert.Equal(Errno.ENOENT, Send(Opcode.Lookup, Top, Name("7"), out EntryOut _));
        Assert.Equal(Errno.ESTALE, Send(Opcode.Getattr, root.Nodeid, new byte[16], out AttrOut _));
        Assert.Equal(Errno.ESTALE, Send(Opcode.Getattr, file.Nodeid, new byte[16], out AttrOut _));
        Assert.Equal(Errno.ESTALE, Send(Opcode.Lookup, root.Nodeid, Name("file"), out EntryOut _));
        // Once the guest forgets them, nothing is left.
        Send(Opcode.Forget, file.Nodeid, BitConverter.GetBytes(1ul), out EntryOut _);
        Send(Opcode.Forget, root.Nodeid, BitConverter.GetBytes(1ul), out EntryOut _);
        Assert.Equal(nodes - 2, _server.Nodes);
        Assert.Equal(Errno.None, Send(Opcode.Lookup, Top, Name("0"), out EntryOut _));
    }

    [Fact]
    public void A_root_that_goes_takes_along_what_the_guest_has_open_of_it()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_place, "later")).FullName;
        string path = Path.Combine(folder, "file");
        File.WriteAllText(path, "");
        _server.AddRoot(7, FileDescriptor.Open(folder, OpenFlags.Path), readOnly: false);
        (ulong node, OpenOut open) = Opened("7", "file", 2);
        byte[] set = new byte[Unsafe.SizeOf<LkIn>()];
        MemoryMarshal.Write(set, new LkIn(open.Fh, 5, new FileLock(0, long.MaxValue, 1, 1), 0, 0));
        Assert.Equal(Errno.None, Send(Opcode.Setlk, node, set, out EntryOut _));
        Assert.Contains(path, OpenFiles());

        _server.RemoveRoot(7);
        Assert.Equal(0, _server.OpenHandles);
        Assert.DoesNotContain(path, OpenFiles());
        Assert.DoesNotContain(folder, OpenFiles());
        Assert.Equal(Errno.ESTALE, Send(Opcode.Getattr, node, new byte[16], out AttrOut _));
        Assert.Equal(Errno.EBADF, Send(Opcode.Setlk, node, set, out EntryOut _));
        Assert.Equal(Errno.EBADF, Send(Opcode.Release, node, new byte[24], out EntryOut _));
    }

    private static string?[] OpenFiles()
        => [.. Directory.GetFiles("/proc/self/fd").Select(static file => new FileInfo(file).LinkTarget)];

    [Fact]
    public void A_root_that_the_guest_forgot_while_it_was_served_leaves_nothing()
    {
        int before = _server.Nodes;
        for (uint number = 7; number < 9; number++)
            _server.AddRoot(number, FileDescriptor.Open(Path.Combine(_place, "file"), OpenFlags.Path), readOnly: false);
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(Errno.None, Send(Opcode.Lookup, Top, Name("7"), out EntryOut root));
            Send(Opcode.Forget, root.Nodeid, BitConverter.GetBytes(1ul), out EntryOut _);
            Assert.Equal(Errno.None, Send(Opcode.Getattr, root.Nodeid, new byte[16], out AttrOut _));
        }

        // The other one was never looked at.
        for (uint number = 7; number < 9; number++) _server.RemoveRoot(number);
        Assert.Equal(before, _server.Nodes);
    }

    [Fact]
    public void The_same_folder_in_two_roots_is_gone_from_one_of_them_only()
    {
        _server.AddRoot(7, FileDescriptor.Open(Path.Combine(_place, "a"), OpenFlags.Path), readOnly: false);
        Send(Opcode.Lookup, Top, Name("7"), out EntryOut second);
        Send(Opcode.Lookup, Top, Name("0"), out EntryOut first);
        Assert.NotEqual(first.Nodeid, second.Nodeid);
        _server.RemoveRoot(7);
        byte[] folder = [0xED, 1, 0, 0, 0, 0, 0, 0, .. Name("new")];
        Assert.Equal(Errno.None, Send(Opcode.Mkdir, first.Nodeid, folder, out EntryOut _));
    }

    [Fact]
    public void A_number_that_is_taken_is_refused()
    {
        LinuxException e = Assert.Throws<LinuxException>(
            () => _server.AddRoot(1, FileDescriptor.Open(_place, OpenFlags.Path), readOnly: false));
        Assert.Equal(Errno.EEXIST, e.Errno);
    }

    private (ulong Node, OpenOut File) Opened(string root, string name, byte flags)
    {
        Send(Opcode.Lookup, Top, Name(root), out EntryOut folder);
        Assert.Equal(Errno.None, Send(Opcode.Lookup, folder.Nodeid, Name(name), out EntryOut entry));
        Assert.Equal(Errno.None, Send(Opcode.Open, entry.Nodeid, [flags, 0, 0, 0, 0, 0, 0, 0], out OpenOut open));
        return (entry.Nodeid, open);
    }

    private Errno Copy(ulong from, OpenOut source, ulong to, OpenOut target)
    {
        byte[] body = new byte[Unsafe.SizeOf<CopyFileRangeIn>()];
        MemoryMarshal.Write(body, new CopyFileRangeIn(source.Fh, 0, to, target.Fh, 0, 7, 0));
        return Send(Opcode.CopyFileRange, from, body, out WriteOut _);
    }

    [Fact]
    public void A_sync_reaches_what_is_mounted_below_a_root()
    {
        string disk = Path.Combine(_place, "disk");
        string mounted = Directory.CreateDirectory(Path.Combine(_place, "a", "mounted")).FullName;
        using (FileStream file = File.Create(disk)) file.SetLength(16 << 20);
        if (Run("mkfs.ext4", "-q", disk) != 0 || Run("mount", "-o", "loop", disk, mounted) != 0) Assert.Skip("this machine mounts no disk from a file");
        try
        {
            const string Text = "flushed-with-the-rest";
            // A file that was truncated before would be flushed when it is closed (ext4's auto_da_alloc).
            using (var file = new FileStream(Path.Combine(mounted, "file"), FileMode.CreateNew)) file.Write(Encoding.ASCII.GetBytes(Text));
            if (Holds(disk, Text)) Assert.Skip("somebody called sync(2) just now");
            Send(Opcode.Lookup, Top, Name("0"), out EntryOut folder);
            Assert.Equal(Errno.None, Send(Opcode.Lookup, folder.Nodeid, Name("mounted"), out EntryOut below));
            Assert.Equal(Errno.None, Send(Opcode.Mkdir, below.Nodeid, [0xED, 1, 0, 0, 0, 0, 0, 0, .. Name("new")], out EntryOut _));
            Send(Opcode.Forget, below.Nodeid, BitConverter.GetBytes(1ul), out EntryOut _);
            Assert.Equal(Errno.None, Send(Opcode.Syncfs, Top, new byte[8], out EntryOut _));
            Assert.True(Holds(disk, Text));
        }
        finally
        {
            MountPoint.Remove(mounted, detach: true);
        }
    }

    private static bool Holds(string path, string text) => File.ReadAllBytes(path).AsSpan().IndexOf(Encoding.ASCII.GetBytes(text)) >= 0;

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        return process.ExitCode;
    }

    public void Dispose()
    {
        _server.Dispose();
        Directory.Delete(_place, recursive: true);
    }

    private static byte[] Name(string name) => [.. Encoding.UTF8.GetBytes(name), 0];

    private List<string> Entries(ulong folder)
    {
        const uint Room = 4096;
        Assert.Equal(Errno.None, Send(Opcode.Opendir, folder, new byte[8], out OpenOut open));
        byte[] read = new byte[Unsafe.SizeOf<ReadIn>()];
        MemoryMarshal.Write(read, new ReadIn(open.Fh, 0, Room, 0, 0, 0, 0));
        ReadOnlySpan<byte> records = Reply(Opcode.Readdir, folder, read).AsSpan(ReplyHeader.Size);
        var names = new List<string>();
        while (!records.IsEmpty)
        {
            Dirent entry = MemoryMarshal.Read<Dirent>(records);
            names.Add(Encoding.UTF8.GetString(records.Slice(Dirent.Size, (int)entry.Namelen)));
            records = records[(Dirent.Size + (((int)entry.Namelen + 7) & ~7))..];
        }

        names.Sort(StringComparer.Ordinal);
        return names;
    }

    private Errno Send<T>(Opcode opcode, ulong node, byte[] body, out T answer)
        where T : unmanaged
    {
        byte[] reply = Reply(opcode, node, body);
        answer = reply.Length >= ReplyHeader.Size + Unsafe.SizeOf<T>() ? MemoryMarshal.Read<T>(reply.AsSpan(ReplyHeader.Size)) : default;
        return reply.Length == 0 ? Errno.None : (Errno)(-MemoryMarshal.Read<ReplyHeader>(reply).Error);
    }

    private byte[] Reply(Opcode opcode, ulong node, byte[] body)
    {
        byte[] request = new byte[RequestHeader.Size + body.Length];
        MemoryMarshal.Write(request, new RequestHeader((uint)request.Length, opcode, 1, node, 0, 0, 1, 0, 0));
        body.CopyTo(request, RequestHeader.Size);
        byte[] reply = new byte[FileServer.ReplyRoom(request)];
        return reply[.._server.Handle(request, reply)];
    }
}
