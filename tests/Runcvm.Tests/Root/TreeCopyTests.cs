using Runcvm.Guest.Root;
using Runcvm.Linux.Processes;
using Runcvm.Tests.Images;

namespace Runcvm.Tests.Root;

public sealed class TreeCopyTests : IDisposable
{
    // Everything about a tree but its changes' times, with names as they are.
    private const string Listing = """
        import os, sys
        def show(path, name):
            s = os.lstat(path); link = os.readlink(path) if os.path.islink(path) else b''
            data = open(path, 'rb').read() if os.path.isfile(path) and not link else b''
            marks = [(m, os.getxattr(path, m, follow_symlinks=False)) for m in sorted(os.listxattr(path, follow_symlinks=False))]
            print(name, oct(s.st_mode), s.st_uid, s.st_gid, s.st_rdev, 0 if link else s.st_mtime_ns, link, data, marks)
        root = os.fsencode(sys.argv[1]); show(root, b'')
        for folder, folders, files in sorted(os.walk(root)):
            for name in sorted(folders + files): show(os.path.join(folder, name), os.path.join(folder, name)[len(root):])
        """;

    private readonly TemporaryFolder _folder = new();

    public TreeCopyTests()
    {
        Assert.SkipUnless(CurrentProcess.IsRoot, "owners and devices need root");
        _folder.Make("from");
        _folder.Make("to");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Everything_is_copied_whatever_it_is_called()
    {
        _folder.Shell("""
            cd from; n=$(printf '\377\376'); mkdir "$n" "$n/$n"; echo text > "$n/$n/$n"; ln -s "$n/nowhere" "l$n"; mkfifo pipe; mknod device c 0 0; chown 5:6 pipe; chmod 4751 "$n/$n/$n"
            python3 -c "import os; os.setxattr('.', 'trusted.mark', b'y'); os.setxattr(b'\xff\xfe', 'user.mark', b'\0\1'); os.setxattr(b'l\xff\xfe', 'trusted.mark', b'link', follow_symlinks=False)"
            touch -d 2001-02-03 "$n/$n/$n" "$n/$n"; chown -h 7:8 "l$n"
            """);
        TreeCopy.CopyAll(_folder.Path("from"), _folder.Path("to"));
        TreeCopy.CopyAttributes(_folder.Path("from"), _folder.Path("to"));
        AssertSame();
        TreeCopy.Empty(_folder.Path("to"), "pipe"u8);
        Assert.Equal("pipe\n", _folder.Shell("ls -A to"));
    }

    [Fact]
    public void Single_entries_replace_what_is_there()
    {
        _folder.Shell("""
            n=$(printf '\377'); mkdir -p "from/d$n/new" "to/d$n/old" to/file; echo 1 > "from/d$n/f$n"; echo 2 > "from/d$n/new/x"; echo 3 > from/file; ln -s / "to/d$n/new"; echo old > "to/d$n/f$n"
            echo kept > "to/d$n/old/kept"; chmod 700 "from/d$n"
            """);
        TreeCopy.TakeOver(_folder.Path("from"), _folder.Path("to"),
        [
            new([.. "d"u8, 0xff], false), new([.. "d"u8, 0xff, .. "/f"u8, 0xff], false), new([.. "d"u8, 0xff, .. "/new"u8], true), new([.. "file"u8], false),
        ]);
        Assert.Equal("1\n2\n3\nkept\n700\n", _folder.Shell("cd to; cat d*/f* d*/new/x file d*/old/kept; stat -c %a d*"));
    }

    private void AssertSame()
    {
        File.WriteAllText(_folder.Path("listing.py"), Listing);
        Assert.Equal(_folder.Shell("python3 listing.py from"), _folder.Shell("python3 listing.py to"));
    }
}
