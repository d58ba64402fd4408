using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;
using static Runcvm.Tests.Fuse.PosixRun;

namespace Runcvm.Tests.Fuse;

/// <summary>What POSIX and Linux promise of files, by operation; octal numbers are written as hexadecimal ones.</summary>
internal static class PosixCases
{
    private const uint Rwx = 0x1FF;
    private const uint NoReplace = 1;
    private const uint Exchange = 2;
    private const uint Whiteout = 4;

    internal static IReadOnlyDictionary<string, Action<PosixRun>> All { get; } = new Dictionary<string, Action<PosixRun>>
    {
        ["mkdir"] = static run =>
        {
            foreach (uint mode in new uint[] { 0x1ED, 0x1C0, 0x3FF, 0x5ED, 0x000 })
            {
                run.Mkdir($"d{Oct(mode)}", mode);
                run.Stat($"d{Oct(mode)}");
            }

            run.Mkdir("d755");
            run.Mkdir("none/below");
            run.Make("file");
            run.Mkdir("file");
            run.Mkdir("file/below");
            run.Mkdir(new string('n', 255));
            run.Mkdir(new string('n', 256));
            run.Stat("");
            run.As(1000, 1001, () => run.Mkdir("not allowed"));
            run.Mkdir("open", Rwx);
            run.Chmod("open", Rwx);
            run.As(1000, 1001, () => run.Mkdir("open/theirs"));
            run.Stat("open/theirs");
        },
        ["umask"] = static run =>
        {
            uint before = Node.SetUmask(0x3F);
            try
            {
                run.Mkdir("d", Rwx);
                run.Make("f", mode: Rwx);
                run.Mknod("p", FileKind.Fifo, Rwx);
                foreach (string name in (string[])["d", "f", "p"]) run.Stat(name);
            }
            finally
            {
                Node.SetUmask(before);
            }
        },
        ["rmdir"] = static run =>
        {
            run.Mkdir("d");
            run.Make("d/f");
            run.Rmdir("d");
            run.Rmdir("d/f");
            run.Rmdir("missing");
            run.Unlink("d/f");
            run.Rmdir("d");
            run.Stat("d");
            run.Stat("");
        },
        ["unlink"] = static run =>
        {
            run.Make("f", "text");
            run.Link("f", "g");
            run.Stat("f");
            run.Unlink("f");
            run.Stat("g");
            run.Unlink("f");
            run.Mkdir("d");
            run.Unlink("d");
            run.Unlink("g/x");
            run.Symlink("nowhere", "l");
            run.Unlink("l");
            run.Mknod("p", FileKind.Fifo, 0x1A4);
            run.Unlink("p");
        },
        ["rename"] = static run =>
        {
            run.Make("a", "1");
            run.Make("b", "22");
            run.Rename("a", "b");
            run.Stat("b");
            run.Mkdir("d");
            run.Mkdir("e");
            run.Make("e/f");
            run.Rename("d", "e");
            run.Rename("b", "d");
            run.Rename("d", "b");
            run.Rename("e", "d");
            run.Stat("d/f");
            run.Rename("d", "d/inside");
            run.Rename("missing", "x");
            run.Rename("b", "missing-folder");
            run.Link("missing-folder", "same");
            run.Rename("missing-folder", "same");
            run.Stat("same");
            run.Mkdir("sticky", 0x3FF);
            run.Chmod("sticky", 0x3FF);
            run.Make("sticky/of-root");
            run.As(1000, 1000, () =>
            {
                run.Rename("sticky/of-root", "sticky/mine");
                run.Unlink("sticky/of-root");
                run.Make("sticky/own");
                run.Rename("sticky/own", "sticky/own2");
                run.Unlink("sticky/own2");
            });
        },
        ["rename with flags"] = static run =>
        {
            run.Make("a", "1");
            run.Make("b", "22");
            run.Mkdir("d");
            run.Make("d/inside");
            run.Rename("a", "b", NoReplace);
            run.Rename("a", "c", NoReplace);
            run.Rename("b", "c", Exchange);
            run.Stat("b");
            run.Stat("c");
            run.Rename("b", "d", Exchange);
            run.Stat("b/inside");
            run.Stat("d");
            run.Rename("b", "nothing", Exchange);
            run.Rename("c", "w", Whiteout);
            run.Stat("c");
            run.Stat("w");
            run.Rename("w", "b", NoReplace | Exchange);
        },
        ["link"] = static run =>
        {
            run.Make("f", "text");
            run.Link("f", "g");
            run.Link("f", "g");
            run.Stat("g");
            run.Mkdir("d");
            run.Link("d", "e");
            run.Link("f", "d/h");
            run.Symlink("f", "l");
            run.Link("l", "m");
            run.Stat("m");
            run.Stat("l");
            run.Link("f", "missing/x");
        },
        ["symlink"] = static run =>
        {
            run.Symlink("target", "l");
            run.Stat("l");
            run.Readlink("l");
            run.Symlink("target", "l");
            run.Symlink(new string('t', 4095), "long");
            run.Readlink("long");
            run.Symlink(new string('t', 4096), "too-long");
            run.Symlink("loop", "loop");
            run.Open("loop", ReadOnly);
            run.Open("l", ReadOnly | NoFollow);
            run.Chmod("l", Rwx);
            run.Make("target", "x");
            run.Open("l", ReadOnly);
            run.Chown("l", 5, 6);
            run.Stat("l");
            run.Stat("target");
            run.Symlink("/etc/passwd", "absolute");
            run.Readlink("absolute");
        },
        ["open"] = static run =>
        {
            run.Open("missing", ReadOnly);
            run.Open("f", ReadWrite | Create | Exclusive, 0x180);
            run.Stat("f");
            run.Open("f", ReadWrite | Create | Exclusive);
            run.Make("f", "longer text");
            run.Open("f", WriteOnly | Truncate);
            run.Stat("f");
            run.Open("f", ReadOnly | OnlyDirectory);
            run.Mkdir("d");
            run.Open("d", WriteOnly);
            run.Open("d", ReadOnly | OnlyDirectory);
            run.Open("d", ReadWrite | Create);
            run.Open(new string('n', 255), ReadWrite | Create);
            run.Open(new string('n', 256), ReadWrite | Create);
            run.Open("f/below", ReadOnly);
            run.Make("secret", "x", 0x180);
            run.As(1000, 1000, () =>
            {
                run.Open("secret", ReadOnly);
                run.Open("f", ReadOnly);
                run.Open("f", WriteOnly);
                run.Open("new", WriteOnly | Create);
            });
            run.Make("none", "x", 0);
            run.Open("none", ReadWrite);
            run.Open("s", ReadWrite | Create, 0xDED);
            run.Stat("s");
            run.Symlink("dangling", "l");
            run.Open("l", WriteOnly | Create);
            run.Stat("dangling");
            run.Open("l", WriteOnly | Create | Exclusive);
        },
        ["mknod"] = static run =>
        {
            run.Mknod("p", FileKind.Fifo, 0x1B6);
            run.Mknod("s", FileKind.Socket, 0x1ED);
            run.Mknod("c", FileKind.CharacterDevice, 0x1B6, FileStatus.Device(1, 3));
            run.Mknod("b", FileKind.BlockDevice, 0x1B0, FileStatus.Device(259, 70000));
            run.Mknod("f", FileKind.Regular, 0xDED);
            foreach (string name in (string[])["p", "s", "c", "b", "f"]) run.Stat(name);
            run.Mknod("p", FileKind.Fifo, 0x1B6);
            run.Open("c", ReadWrite);
            run.Mkdir("d", Rwx);
            run.Chmod("d", Rwx);
            run.As(1000, 1000, () =>
            {
                run.Mknod("d/c", FileKind.CharacterDevice, 0x1B6, FileStatus.Device(1, 3));
                run.Mknod("d/p", FileKind.Fifo, 0x1B6);
            });
            run.Stat("d/p");
        },
        ["chmod"] = static run =>
        {
            run.Make("f");
            foreach (uint mode in new uint[] { 0, 0x1FF, 0xFFF, 0x800, 0x400, 0x200, 0x180 })
            {
                run.Chmod("f", mode);
                run.Stat("f");
            }

            run.Chmod("missing", 0);
            run.As(1000, 1000, () => run.Chmod("f", Rwx));
            run.Chown("f", 1000, 2000);
            run.As(1000, 1000, () => run.Chmod("f", 0x5ED));
            run.Stat("f");
            run.As(1000, 2000, () => run.Chmod("f", 0x5ED));
            run.Stat("f");
            run.As(1000, 1000, () => run.Chmod("f", 0x3ED));
            run.Stat("f");
        },
        ["chown"] = static run =>
        {
            run.Make("f", mode: 0x1ED);
            run.Chmod("f", 0xDED);
            run.Chown("f", 1000, 1000);
            run.Stat("f");
            run.Chown("f", uint.MaxValue, 7);
            run.Chown("f", 8, uint.MaxValue);
            run.Stat("f");
            run.Chmod("f", 0xDA4);
            run.Chown("f", 9, 9);
            run.Stat("f");
            run.Mkdir("d");
            run.Chmod("d", 0xDED);
            run.Chown("d", 9, 9);
            run.Stat("d");
            run.As(9, 9, () =>
            {
                run.Chown("f", 10, uint.MaxValue);
                run.Chown("f", uint.MaxValue, 10);
                run.Chown("f", uint.MaxValue, 9);
            });
            run.Stat("f");
        },
        ["set-group-id folders"] = static run =>
        {
            run.Mkdir("d", 0x1FF);
            run.Chown("d", 0, 3000);
            run.Chmod("d", 0x5FF);
            run.Make("d/of-root");
            run.Mkdir("d/sub-of-root");
            run.As(1000, 1001, () =>
            {
                run.Make("d/f");
                run.Mkdir("d/sub");
                run.Symlink("x", "d/l");
                run.Mknod("d/p", FileKind.Fifo, 0x1A4);
            });
            foreach (string name in (string[])["of-root", "sub-of-root", "f", "sub", "l", "p"]) run.Stat("d/" + name);
        },
        ["set-id bits go when others write"] = static run =>
        {
            // Without group-execute FUSE leaves the set-group-id bit, where newer kernels look at the caller's groups.
            foreach (uint mode in new uint[] { 0xDFF, 0x5FF, 0x9FF, 0x9B6 })
            {
                foreach ((string name, Action action) in new (string, Action)[]
                {
                    ("write", () => run.Write(run.Open("write", WriteOnly)!, 0, "x")),
                    ("truncate", () => run.Open("truncate", WriteOnly | Truncate)),
                    ("allocate", () => run.Say("fallocate", FileCall.Allocate(run.Open("allocate", WriteOnly)!, 0, 0, 4096))),
                })
                {
                    run.Make(name, "text", Rwx);
                    run.Chmod(name, mode);
                    run.As(1000, 1000, action);
                    run.Stat(name);
                    run.Chmod(name, mode);
                    action();
                    run.Stat(name);
                    run.Unlink(name);
                }
            }
        },
        ["truncate"] = static run =>
        {
            run.Make("f", "0123456789");
            run.Resize("f", 4);
            run.Stat("f");
            run.Resize("f", 100000);
            run.Stat("f");
            run.Read(run.Open("f", ReadOnly)!, 0, 20);
            run.Resize("f", -1);
            run.Mkdir("d");
            run.Resize("d", 0);
            run.Resize("f", long.MaxValue);
            SafeFileHandle file = run.Open("f", ReadWrite)!;
            run.Say("ftruncate", FileCall.SetLength(file, 7));
            run.Read(file, 0, 20);
            run.Unlink("f");
            run.Say("ftruncate", FileCall.SetLength(file, 3));
            run.Read(file, 0, 20);
            run.Stat("open", file);
            run.Say("ftruncate of a file open for reading", FileCall.SetLength(run.Open("d", ReadOnly)!, 3));
        },
        ["times"] = static run =>
        {
            run.Make("f", "text");
            run.Symlink("f", "l");
            run.Mkdir("d");
            foreach (string name in (string[])["f", "l", "d"])
            {
                run.Times(name, TimeChange.Set, new(1, 123456789), TimeChange.Set, new(2_000_000_000, 999999999));
                Show(run, name);
                run.Times(name, TimeChange.Keep, default, TimeChange.Set, new(5, 0));
                Show(run, name);
                run.Times(name, TimeChange.Set, new(-5, 7), TimeChange.Keep, default);
                Show(run, name);
                run.Touches("utimens now", () => run.Times(name, TimeChange.Now, default, TimeChange.Now, default), name);
                run.Touches("utimens of none", () => run.Times(name, TimeChange.Keep, default, TimeChange.Keep, default), name);
            }

            run.Times("f", TimeChange.Set, new(1L << 33, 0), TimeChange.Set, new(1L << 33, 0));
            Show(run, "f");
            run.As(1000, 1000, () =>
            {
                run.Times("f", TimeChange.Now, default, TimeChange.Now, default);
                run.Times("f", TimeChange.Set, default, TimeChange.Set, default);
            });

            static void Show(PosixRun run, string name)
            {
                NodeStatus status = run.StatusOf(name);
                run.Note($"{name}: atime {status.Accessed} mtime {status.Modified}");
            }
        },
        ["what changes which times"] = static run =>
        {
            run.Mkdir("d");
            run.Mkdir("e");
            run.Touches("create", () => run.Make("d/f"), "d");
            run.Touches("write", () => run.Make("d/f", "text"), "d", "d/f");
            run.Touches("chmod", () => run.Chmod("d/f", 0x180), "d", "d/f");
            run.Touches("chown", () => run.Chown("d/f", 1, 1), "d", "d/f");
            run.Touches("link", () => run.Link("d/f", "e/g"), "d", "d/f", "e");
            run.Touches("unlink", () => run.Unlink("d/f"), "d", "e/g", "e");
            run.Touches("rename", () => run.Rename("e/g", "d/g"), "d", "e", "d/g");
            run.Touches("mkdir", () => run.Mkdir("d/sub"), "d");
            run.Touches("rmdir", () => run.Rmdir("d/sub"), "d");
            run.Touches("symlink", () => run.Symlink("x", "d/l"), "d");
            run.Touches("mknod", () => run.Mknod("d/p", FileKind.Fifo, Rwx), "d");
            run.Touches("truncate", () => run.Resize("d/g", 100), "d", "d/g");
            run.Touches("setxattr", () => run.SetAttribute("d/g", "user.x", "1"u8), "d", "d/g");
            run.Touches("fallocate", () => run.Say("fallocate", FileCall.Allocate(run.Open("d/g", WriteOnly)!, 0, 0, 8192)), "d/g");
        },
        ["extended attributes"] = static run =>
        {
            const uint OnlyNew = 1;
            const uint OnlyOld = 2;
            run.Make("f");
            run.Mkdir("d");
            run.Symlink("f", "l");
            run.SetAttribute("f", "user.one", "value"u8);
            run.SetAttribute("f", "user.empty", ""u8);
            run.SetAttribute("f", "user.one", "again"u8, OnlyNew);
            run.SetAttribute("f", "user.two", "again"u8, OnlyOld);
            run.SetAttribute("f", "user.one", "other"u8, OnlyOld);
            run.GetAttribute("f", "user.one");
            run.GetAttribute("f", "user.one", 3);
            run.GetAttribute("f", "user.one", 0);
            run.GetAttribute("f", "user.empty");
            run.GetAttribute("f", "user.none");
            run.ListAttributes("f");
            run.RemoveAttribute("f", "user.one");
            run.RemoveAttribute("f", "user.one");
            run.ListAttributes("f");
            run.SetAttribute("d", "user.on.folder", "x"u8);
            run.ListAttributes("d");
            run.SetAttribute("l", "user.x", "x"u8);
            run.SetAttribute("l", "trusted.x", "x"u8);
            run.GetAttribute("l", "trusted.x");
            run.SetAttribute("f", "trusted.x", "x"u8);
            run.SetAttribute("f", "nonsense", "x"u8);
            run.SetAttribute("f", "nonsense.x", "x"u8);
            run.SetAttribute("f", "user.", "x"u8);
            run.SetAttribute("f", "user." + new string('n', 250), "x"u8);
            run.SetAttribute("f", "user." + new string('n', 251), "x"u8);
            run.SetAttribute("f", "user.big", new byte[3000]);
            run.SetAttribute("f", "user.too-big", new byte[65537]);
            // struct vfs_cap_data, revision 2: CAP_NET_RAW permitted.
            run.SetAttribute("f", "security.capability", Convert.FromHexString("0100000200200000000000000000000000000000"));
            run.GetAttribute("f", "security.capability");
            run.Write(run.Open("f", WriteOnly)!, 0, "x");
            run.GetAttribute("f", "security.capability");
        },
        ["access control lists"] = static run =>
        {
            run.Make("f", "x", 0x1A0);
            // u::rw- u:1000:rw- g::r-- m::rw- o::---
            run.SetAttribute("f", "system.posix_acl_access", Acl((1, 6, uint.MaxValue), (2, 6, 1000), (4, 4, uint.MaxValue), (16, 6, uint.MaxValue), (32, 0, uint.MaxValue)));
            run.Stat("f");
            run.As(1000, 1000, () => run.Open("f", ReadWrite));
            run.As(1001, 1001, () => run.Open("f", ReadOnly));
            run.Chmod("f", 0x1A0);
            run.GetAttribute("f", "system.posix_acl_access");
            run.As(1000, 1000, () => run.Open("f", WriteOnly));
            run.As(1000, 1000, () => run.Open("f", ReadOnly));
            run.RemoveAttribute("f", "system.posix_acl_access");
            run.As(1000, 1000, () => run.Open("f", ReadOnly));
            run.Mkdir("d", 0x1ED);
            run.SetAttribute("d", "system.posix_acl_default", Acl((1, 7, uint.MaxValue), (2, 7, 1000), (4, 5, uint.MaxValue), (16, 7, uint.MaxValue), (32, 5, uint.MaxValue)));
            uint before = Node.SetUmask(0x3F);
            try
            {
                run.Make("d/f", mode: 0x1B6);
                run.Mkdir("d/sub", Rwx);
                run.Mknod("d/p", FileKind.Fifo, 0x1B6);
                run.Symlink("x", "d/l");
            }
            finally
            {
                Node.SetUmask(before);
            }

            foreach (string name in (string[])["d/f", "d/sub", "d/p", "d/l"])
            {
                run.Stat(name);
                run.GetAttribute(name, "system.posix_acl_access");
                run.GetAttribute(name, "system.posix_acl_default");
            }

            run.As(1000, 1000, () => run.Open("d/f", ReadWrite));
            run.SetAttribute("f", "system.posix_acl_access", "nonsense"u8);
            // Someone outside the group changes an ACL: the set-group-id bit goes.
            run.Make("g", mode: 0x1ED);
            run.Chown("g", 1000, 2000);
            run.Chmod("g", 0x5ED);
            run.SetAttribute("g", "system.posix_acl_access", Acl((1, 7, uint.MaxValue), (4, 5, uint.MaxValue), (32, 5, uint.MaxValue)));
            run.Stat("g");
        },
        ["permissions of folders"] = static run =>
        {
            run.Mkdir("noexec", 0x1E4);
            run.Make("noexec/f", "x");
            run.Mkdir("noread", 0x1C9);
            run.Make("noread/f", "x");
            run.Mkdir("group", 0x1E8);
            run.Chown("group", 0, 1000);
            run.Make("group/f", "x");
            run.As(1000, 1000, () =>
            {
                run.Open("noexec/f", ReadOnly);
                run.Stat("noexec/f");
                run.Open("noexec", ReadOnly);
                run.Open("noread/f", ReadOnly);
                run.Open("noread", ReadOnly);
                run.Open("group/f", ReadOnly);
                run.Unlink("noread/f");
                run.Rename("noread/f", "group/g");
            });
        },
        ["holes"] = static run =>
        {
            SafeFileHandle file = run.Open("f", ReadWrite | Create)!;
            run.Write(file, 1 << 20, "data");
            run.Stat("f");
            foreach (long at in new long[] { 0, 4096, 1 << 20, (1 << 20) + 4, 1 << 21 })
            {
                run.Say($"data from {at}", FileCall.SeekData(file, at, hole: false));
                run.Say($"hole from {at}", FileCall.SeekData(file, at, hole: true));
            }

            const int KeepSize = 1;
            const int PunchHole = 2;
            const int ZeroRange = 16;
            run.Say("allocate", FileCall.Allocate(file, 0, 0, 2 << 20));
            run.Stat("f");
            run.Say("beyond the end", FileCall.Allocate(file, KeepSize, 4 << 20, 4096));
            run.Stat("f");
            run.Write(file, 0, new string('x', 16384));
            run.Say("punch", FileCall.Allocate(file, KeepSize | PunchHole, 4096, 4096));
            run.Read(file, 4090, 20);
            run.Read(file, 8185, 20);
            run.Say("punch without keeping the size", FileCall.Allocate(file, PunchHole, 0, 4096));
            run.Say("zero", FileCall.Allocate(file, ZeroRange, 100, 50));
            run.Read(file, 95, 60);
            // Collapsing and inserting ranges are refused by the kernel's FUSE client itself.
            run.Stat("f");
            run.Read(file, 4090, 20);
            run.Say("nonsense", FileCall.Allocate(file, 1 << 12, 0, 4096));
            run.Say("no length", FileCall.Allocate(file, 0, 0, 0));
            run.Say("of a file open for reading", FileCall.Allocate(run.Open("f", ReadOnly)!, 0, 0, 4096));
        },
        ["appending"] = static run =>
        {
            SafeFileHandle a = run.Open("f", WriteOnly | Create | Append)!;
            SafeFileHandle b = run.Open("f", ReadWrite | Append)!;
            run.Write(a, 0, "one ");
            run.Write(b, 0, "two ");
            run.Write(a, 0, "three");
            run.Read(b, 0, 64);
            run.Say("truncate", FileCall.SetLength(a, 2));
            run.Write(b, 100, "!");
            run.Read(b, 0, 64);
            run.Stat("f");
        },
        ["copying ranges"] = static run =>
        {
            run.Make("from", new string('a', 5000) + new string('b', 5000));
            SafeFileHandle from = run.Open("from", ReadWrite)!;
            SafeFileHandle to = run.Open("to", ReadWrite | Create)!;
            run.Say("copy", FileCall.Copy(from, 4990, to, 10, 20));
            run.Read(to, 0, 40);
            run.Say("copy past the end", FileCall.Copy(from, 9990, to, 0, 100));
            run.Say("copy from the end", FileCall.Copy(from, 10000, to, 0, 100));
            run.Say("copy within", FileCall.Copy(from, 0, from, 20000, 100));
            run.Say("copy overlapping", FileCall.Copy(from, 0, from, 50, 100));
            run.Stat("from");
            run.Say("copy to a file open for reading", FileCall.Copy(from, 0, run.Open("to", ReadOnly)!, 0, 10));
        },
        ["files without a name"] = static run =>
        {
            run.Make("f", "text");
            SafeFileHandle file = run.Open("f", ReadWrite)!;
            run.Unlink("f");
            run.Write(file, 4, " goes on");
            run.Read(file, 0, 64);
            run.Stat("open", file);
            run.Make("f", "another");
            run.Make("g", "third");
            SafeFileHandle replaced = run.Open("g", ReadWrite)!;
            run.Rename("f", "g");
            run.Read(replaced, 0, 64);
            run.Stat("open", replaced);
            run.Say("fchmod", FileCall.SetMode(file, 0x180));
            run.Stat("open", file);
            run.Mkdir("d");
            SafeFileHandle folder = run.Open("d", ReadOnly | OnlyDirectory)!;
            run.Rmdir("d");
            run.Stat("gone", folder);
            run.Open("d/f", ReadWrite | Create);
        },
        ["temporary files"] = static run =>
        {
            const int Temporary = 0x400000 | OnlyDirectory;
            SafeFileHandle file = run.Open("", ReadWrite | Temporary, 0x1A4)!;
            run.Write(file, 0, "text");
            run.Stat("open", file);
            using SafeFileHandle parent = FileDescriptor.Open(run.Root, OpenFlags.Path);
            _ = EntryName.Read("named\0"u8, out EntryName name);
            run.Say("link", FileCall.MakeLink(file, parent, name));
            run.Stat("named");
            SafeFileHandle other = run.Open("", ReadWrite | Temporary | Exclusive, 0x1A4)!;
            _ = EntryName.Read("never\0"u8, out name);
            run.Say("link", FileCall.MakeLink(other, parent, name));
            run.Mkdir("d", Rwx);
            run.Chmod("d", Rwx);
            run.As(1000, 1001, () => run.Stat("theirs", run.Open("d", WriteOnly | Temporary, 0x180)!));
        },
        ["locks"] = static run =>
        {
            run.Make("f", "0123456789");
            SafeFileHandle a = run.Open("f", ReadWrite)!;
            SafeFileHandle b = run.Open("f", ReadWrite)!;
            run.Say("a reads 0-9", FileCall.SetLock(a, new RangeLock(0, 0, 10)));
            run.Say("b reads 5-14", FileCall.SetLock(b, new RangeLock(0, 5, 10)));
            run.Say("b writes 0-4", FileCall.SetLock(b, new RangeLock(1, 0, 5)));
            run.Say("a unlocks", FileCall.SetLock(a, new RangeLock(2, 0, 0)));
            run.Say("b writes 0-4", FileCall.SetLock(b, new RangeLock(1, 0, 5)));
            var asked = new RangeLock(1, 0, 0);
            run.Say("a asks", FileCall.GetLock(a, ref asked));
            run.Note($"{asked}");
            run.Close(b);
            // FUSE_RELEASE, which gives the locks of an open file back, comes some time after close(2) has returned.
            SpinWait.SpinUntil(
                () =>
                {
                    asked = new RangeLock(1, 0, 0);
                    return FileCall.GetLock(a, ref asked) == 0 && asked.Kind == 2;
                },
                TimeSpan.FromSeconds(20));
            run.Note($"{asked.Kind}");
            SafeFileHandle readOnly = run.Open("f", ReadOnly)!;
            run.Say("write lock of a file open for reading", FileCall.SetLock(readOnly, new RangeLock(1, 0, 0)));
            run.Say("a shares", FileCall.LockWhole(a, 0));
            run.Say("c shares", FileCall.LockWhole(readOnly, 0));
            run.Say("a alone", FileCall.LockWhole(a, 1));
            run.Say("c gives up", FileCall.LockWhole(readOnly, 2));
            run.Say("a alone", FileCall.LockWhole(a, 1));
            run.Say("c shares", FileCall.LockWhole(readOnly, 0));
            run.Close(a);
            long shared = -1;
            SpinWait.SpinUntil(() => (shared = FileCall.LockWhole(readOnly, 0)) == 0, TimeSpan.FromSeconds(20));
            run.Say("c shares", shared);
        },
        ["deleting while listing"] = static run =>
        {
            const int Files = 700;
            run.Mkdir("d");
            for (int i = 0; i < Files; i++) File.WriteAllText(run.At($"d/file number {i}"), "");
            SafeFileHandle folder = run.Open("d", ReadOnly | OnlyDirectory)!;
            byte[] buffer = new byte[1000];
            int seen = 0;
            for (long n; (n = FileCall.ReadFolder(folder, buffer)) > 0;)
            {
                for (int at = 0; at < n;)
                {
                    var record = new FolderRecord(buffer.AsSpan(at));
                    at += record.Length;
                    if (record.IsDot) continue;
                    seen++;
                    _ = EntryName.Read(record.NameAndZero, out EntryName name);
                    Assert.Equal(0, FileCall.Unlink(folder, name));
                }
            }

            run.Note($"{seen} seen");
            run.Rmdir("d");
        },
        ["listing again"] = static run =>
        {
            run.Mkdir("d");
            for (int i = 0; i < 200; i++) File.WriteAllText(run.At($"d/{i}"), "");
            SafeFileHandle folder = run.Open("d", ReadOnly | OnlyDirectory)!;
            run.Note(string.Join(' ', Names(folder).Order(StringComparer.Ordinal)));
            File.WriteAllText(run.At("d/new"), "");
            run.Say("rewind", FileCall.SeekFolder(folder, 0));
            run.Note(string.Join(' ', Names(folder).Order(StringComparer.Ordinal)));

            static List<string> Names(SafeFileHandle folder)
            {
                var names = new List<string>();
                byte[] buffer = new byte[600];
                for (long n; (n = FileCall.ReadFolder(folder, buffer)) > 0;)
                {
                    for (int at = 0; at < n;)
                    {
                        var record = new FolderRecord(buffer.AsSpan(at));
                        at += record.Length;
                        names.Add($"{record.Type}:{System.Text.Encoding.UTF8.GetString(record.Name)}");
                    }
                }

                return names;
            }
        },
        ["file system"] = static run =>
        {
            using SafeFileHandle root = FileDescriptor.Open(run.Root, OpenFlags.Path);
            int error = FileCall.FileSystemStatus(root, out FileSystemStatus status);
            run.Say("statfs", error);
            run.Note($"{status.Blocks} {status.Inodes} {status.BlockSize} {status.FragmentSize} {status.LongestName}");
            SafeFileHandle file = run.Open("f", WriteOnly | Create)!;
            run.Say("fsync", FileCall.Sync(file, false));
            run.Say("fdatasync", FileCall.Sync(file, true));
            run.Say("syncfs", FileCall.SyncFileSystem(file));
            run.Say("fsync of a folder", FileCall.Sync(run.Open("", ReadOnly | OnlyDirectory)!, false));
        },
    };

    private static byte[] Acl(params (ushort Tag, ushort Permissions, uint Id)[] entries)
    {
        // posix_acl_xattr_header of linux/posix_acl_xattr.h: version 2, then the entries.
        byte[] acl = new byte[4 + (8 * entries.Length)];
        acl[0] = 2;
        for (int i = 0; i < entries.Length; i++)
        {
            Span<byte> entry = acl.AsSpan(4 + (8 * i));
            BinaryPrimitives.WriteUInt16LittleEndian(entry, entries[i].Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], entries[i].Permissions);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], entries[i].Id);
        }

        return acl;
    }
}
