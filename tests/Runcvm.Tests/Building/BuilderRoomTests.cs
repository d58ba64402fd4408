using System.Diagnostics;
using Runcvm.Building;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Tests.Images;

namespace Runcvm.Tests.Building;

/// <summary>Programs that stand for a decompressor that was taken over.</summary>
[Collection(nameof(BuilderRoomTests))]
// A builder's group holds all of this process for a moment, with what other tests start just then.
[CollectionDefinition(nameof(BuilderRoomTests), DisableParallelization = true)]
public sealed class BuilderRoomTests : IDisposable
{
    private const uint User = 1_900_000_007;

    private readonly TemporaryFolder _folder = new();

    public BuilderRoomTests()
    {
        Assert.SkipUnless(CurrentProcess.IsRoot, "to confine takes root");
        _folder.Make("work");
    }

    private string Work => _folder.Path("work");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_program_that_was_taken_over_is_nobody_and_sees_its_folder_alone()
    {
        BuilderEnd end = Run("""
            id -u >&2
            cat /etc/shadow >&2 2>&- && echo "reads the host's files" >&2
            ls /proc/self /dev/null >&2 2>&- && echo "sees processes and devices" >&2
            true 2>&- >/usr/runcvm-test && echo "writes to the host" >&2
            [ "$$ $PPID" = "1 0" ] || echo "is not alone" >&2
            for other in $OTHERS; do kill -0 $other 2>&- && echo "may signal others" >&2; done
            unshare --user true 2>&- && echo "makes namespaces" >&2
            mount -t tmpfs tmpfs /usr 2>&- && echo "mounts" >&2
            echo done >made
            """);
        Assert.Equal($"{User}\n", end.Errors);
        Assert.Equal(new ExitStatus(0, 0), end.Status);
        BuiltFolder.TakeBack(Work, User);
        Assert.Equal(0u, FileStatus.TryOf(Work + "/made")!.Value.Owner);
    }

    [Theory]
    [InlineData("ln -s /etc/shadow made")]
    [InlineData("mkfifo made")]
    [InlineData("mkdir deep; cd deep; ln -s /etc made")]
    [InlineData("echo >made; ln made other")]
    public void What_would_lead_root_elsewhere_is_refused(string script)
    {
        // As a builder could make it where the kernel has no Landlock.
        _folder.Shell($"cd work; ({script}); chown -hR {User} .");
        string message = Assert.Throws<UsageException>(() => BuiltFolder.TakeBack(Work, User)).Message;
        Assert.Equal("what was to be unpacked made something that is no plain file", message);
    }

    [Theory]
    [InlineData("ln -s /etc/shadow made")]
    [InlineData("mkfifo made")]
    public void It_makes_plain_files_and_folders_alone(string script)
    {
        Assert.SkipUnless(LandlockRules.Version > 0, "the kernel has no Landlock");
        BuilderEnd end = Run($"mkdir folder; echo >folder/file; mv folder/file moved; rm -r folder; {script}");
        Assert.NotEqual(0, end.Status.Code);
        Assert.Contains("Permission denied", end.Errors, StringComparison.Ordinal);
        Assert.Equal(["moved"], Directory.EnumerateFileSystemEntries(Work).Select(Path.GetFileName));
    }

    [Fact]
    public void What_everybody_may_write_below_its_programs_it_may_not()
    {
        Assert.SkipUnless(LandlockRules.Version > 0, "the kernel has no Landlock");
        // A mount of the host's there comes along, and is not read-only.
        string open = _folder.Make("open");
        string shell = _folder.Path("shell");
        File.Copy(RealPath.Of("/bin/sh")!, shell);
        Node.SetPermissions(_folder.Path(""), Permission.PlainFolder);
        MountPoint.Add("tmpfs", open, "tmpfs", MountFlags.None, "mode=777");
        try
        {
            BuilderEnd end = Run(shell, $"[ -w {open} ] && echo 'may write' >&2; echo >{open}/made");
            Assert.StartsWith("may write\n", end.Errors, StringComparison.Ordinal);
            Assert.Contains("Permission denied", end.Errors, StringComparison.Ordinal);
            Assert.Empty(Directory.EnumerateFileSystemEntries(open));
        }
        finally
        {
            MountPoint.Remove(open);
        }
    }

    [Fact]
    public void What_it_left_behind_does_not_go_on()
    {
        // By vfork(2), which posix_spawn(3) takes as well; fork(2) is refused. It holds the pipe of messages, too.
        BuilderEnd end = Run("exec python3 -c 'import subprocess; subprocess.Popen([\"sleep\", \"1000\"])'");
        Assert.Equal("", end.Errors);
        Assert.Null(end.Late);
        // One that nobody has buried yet is dead as well.
        Assert.DoesNotContain(
            Directory.GetDirectories("/proc").Where(static path => FileStatus.TryOf(path) is { Owner: User }),
            static path => int.TryParse(Path.GetFileName(path), out int id) && OtherProcess.Status(id)[0] != "Z");
    }

    [Theory]
    [InlineData("exec sleep 1000")]
    [InlineData("echo before >&2; exec python3 -c 'while True: pass'")]
    public void One_that_does_not_end_is_ended(string script)
    {
        var clock = Stopwatch.StartNew();
        BuilderEnd end = Run(script, TimeSpan.FromSeconds(2));
        Assert.Equal("did not end within 2 s, and was killed", end.Late);
        Assert.InRange(clock.Elapsed, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(100));
    }

    [Theory]
    [InlineData(64L << 20, false)]
    [InlineData(512L << 20, true)]
    public void All_its_processes_together_have_no_more_memory_than_that(long most, bool suffices)
    {
        using (var group = BuilderGroup.Make(most))
            Assert.SkipUnless(group.Exists, $"this process makes no cgroup: {BuilderGroup.Missing}");
        string home = File.ReadAllText("/proc/self/cgroup");
        // As much may be swapped out.
        BuilderEnd end = Run(RealPath.Of("/bin/sh")!, """
            exec python3 -c '
            import subprocess, sys
            eaten = b"x" * (90 << 20)
            sys.exit(subprocess.call([sys.executable, "-c", "import sys; sys.exit(len(b\"x\" * (90 << 20)) % 2)"]) != 0)
            '
            """, null, most);
        Assert.Equal(suffices, end.Status == new ExitStatus(0, 0));
        Assert.Equal(home, File.ReadAllText("/proc/self/cgroup"));
    }

    [Fact]
    public void Of_many_messages_the_last_are_kept()
    {
        BuilderEnd end = Run("i=0; while [ $i -lt 20000 ]; do echo $i >&2; i=$((i+1)); done");
        Assert.Equal(16 * 1024, end.Errors.Length);
        Assert.EndsWith("\n19998\n19999\n", end.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void What_it_let_everybody_write_nobody_else_may_write_afterwards()
    {
        BuilderEnd end = Run("""
            mkdir -m 777 made; echo x >made/file; chmod 6777 made/file; chmod 777 .
            exec python3 -c '
            import os, struct
            def acl(*entries): return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)
            none = 0xffffffff
            everybody = acl((1, 7, none), (2, 7, 1234), (4, 7, none), (16, 7, none), (32, 7, none))
            for name, path in ("access", "made/file"), ("access", "made"), ("default", "made"), ("default", "."):
                try: os.setxattr(path, "system.posix_acl_" + name, everybody)
                except OSError as e: assert e.errno == 95, e
            '
            """);
        Assert.Equal(("", new ExitStatus(0, 0)), (end.Errors, end.Status));
        BuiltFolder.TakeBack(Work, User);
        Assert.Equal(
            [Permission.PlainFolder, Permission.PlainFolder, Permission.PlainFile],
            from name in (string[])["", "/made", "/made/file"] select FileStatus.TryOf(Work + name)!.Value.Permissions);
        Assert.Equal("", _folder.Shell("""
            python3 -c 'import os; [print(p) for p in ("work", "work/made", "work/made/file") if os.listxattr(p)]'
            """));
    }

    // Of this process; one of them is the room's, and the same user.
    private static string Threads()
        => string.Join(' ', Directory.GetDirectories("/proc/self/task").Select(Path.GetFileName));

    private BuilderEnd Run(string script) => Run(script, TimeSpan.FromMinutes(5));

    private BuilderEnd Run(string script, TimeSpan most) => Run(RealPath.Of("/bin/sh")!, script, most);

    private BuilderEnd Run(
        string shell, string script, TimeSpan? most = null, long mostMemory = BuilderGroup.MostMemory)
    {
        BuiltFolder.Give(Work, User);
        using var room = new BuilderRoom(shell, User, CapabilitySet.Empty, [(Work, true)]);
        string inside = $"cd {Work}; OTHERS='{Threads()}'; {script}";
        return room.Run(shell, ["sh", "-c", inside], most ?? TimeSpan.FromMinutes(5), mostMemory);
    }
}
