using System.Diagnostics;
using Runcvm.HostFiles;
using Runcvm.Images;
using Runcvm.Kernels;
using Runcvm.Linux.Processes;
using Runcvm.Operating;

namespace Runcvm.Tests.Images;

/// <summary>With the real mkfs.erofs and real mounts.</summary>
public sealed class RootImageCacheTests : IDisposable
{
    private static string Builder => Path.Combine(AppContext.BaseDirectory, "runcvm");

    // As the users of hypervisors.
    private static readonly BuildBounds Bounds = new(1_900_000_000, 64L << 30);

    private readonly TemporaryFolder _folder = new();

    public RootImageCacheTests() => Assert.SkipUnless(
        CurrentProcess.IsRoot && File.Exists("/usr/bin/mkfs.erofs"), "joining layers needs root, and the image mkfs.erofs");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_image_holds_everything_that_the_layers_hold()
    {
        _folder.Shell("""
            mkdir -p one/d one/gone one/opaque top/d top/opaque; cd one
            echo old > d/changed; echo x > gone/x; echo x > opaque/old
            echo linked > a; ln a d/hard; printf x > "$(printf 'd/\377\376')"
            mknod null c 1 3; mknod big b 259 70000; mkfifo pipe; ln -s nowhere/at/all link; chown -h 1:2 link
            chown 70000:123456 a; chmod 4755 a; touch -d '1969-12-31 23:00:00.000000007Z' d
            python3 - <<'E'
            import os, socket
            os.setxattr('a', 'user.x', b'v'); os.setxattr('d', 'user.t', b'z' * 3000)
            os.setxattr('a', 'security.capability', bytes.fromhex('0100000200040000000000000000000000000000'))
            os.mknod('socket', 0o140755)
            E
            cd ../top; echo new > d/changed; mknod gone c 0 0
            python3 -c "import os; os.setxattr('opaque', 'trusted.overlay.opaque', b'y')"
            """);
        string image = Build("top", "one");
        _folder.Shell("""
            mkdir joined && mount -t overlay -o ro,lowerdir=top:one overlay joined
            """ + Compare("joined", image) + """

            test ! -e image/gone; test ! -e image/opaque/old; test "$(cat image/d/changed)" = new
            test "$(stat -c %h image/a)" = 2
            """);
    }

    [Fact]
    public void A_single_layer_keeps_nothing_that_only_overlayfs_may_see()
    {
        _folder.Shell("""
            mkdir -p only/d; touch only/d/f; mknod only/whiteout c 0 0
            python3 -c "import os; os.setxattr('only/d', 'trusted.overlay.opaque', b'y')"
            """);
        string image = Build("only");
        _folder.Shell($"mkdir image; mount -o loop,ro {image} image; test ! -e image/whiteout; test -e image/d/f; "
            + "python3 -c \"import os; assert os.listxattr('image/d') == []\"");
    }

    [Fact]
    public void A_layer_whose_holes_would_fill_the_disk_is_refused_at_once_with_the_way_out()
    {
        _folder.Shell("mkdir sparse; truncate -s 1T sparse/file; ln sparse/file sparse/other");
        var clock = Stopwatch.StartNew();
        UsageException e = Assert.Throws<UsageException>(() => Cache().Ensure(Chain("sparse"), Bounds, out _));
        Assert.Contains("more than 65536 MiB with the holes of its files filled", e.Message, StringComparison.Ordinal);
        Assert.Contains("RUNCVM_ROOTFS=share", e.Message, StringComparison.Ordinal);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
        Assert.Equal(["work"], Cached());
    }

    [Fact]
    public void Whoever_makes_an_image_is_nobody_and_writes_no_more_than_it_may()
    {
        _folder.Make("layer");
        _folder.Make("cache/work");
        File.WriteAllBytes(_folder.Path("layer/f"), new byte[2 << 20]);
        // Stands for a mkfs.erofs that was taken over: it looks around, and writes without end. There is no /dev/null.
        string evil = _folder.Path("evil");
        ScriptFile.Write(evil, """
            #!/bin/sh
            for file; do made=$last; last=$file; done
            id -u >&2
            cat /etc/shadow >&2 2>&- && echo "reads the host's files" >&2
            ls /proc/self /dev/null >&2 2>&- && echo "sees processes and devices" >&2
            true 2>&- >"$0.new" && echo "writes to the host" >&2
            kill -0 1 2>&- && echo "may signal others" >&2
            ls /root >&2
            exec tail -q -c +1 /root/f /root/f /root/f /root/f >"$made"
            """);
        string output = _folder.Path("cache/out");
        var bounds = new BuildBounds(Bounds.User, 4L << 20);
        IEnumerable<string> arguments =
            BuildVerb.Arguments(evil, output, bounds, _folder.Path("cache/work"), [_folder.Path("layer")]);
        var start = new ProcessStartInfo(Builder, ["build-image", .. arguments]) { RedirectStandardError = true };
        using Process builder = Process.Start(start)!;
        Assert.Equal($"{Bounds.User}\nf\n", builder.StandardError.ReadToEnd());
        builder.WaitForExit();
        Assert.Equal(128 + SignalNumber.FileSize, builder.ExitCode);
        Assert.Equal(bounds.MostBytes, new FileInfo(output).Length);
    }

    [Theory]
    [InlineData("sleep 1000", "did not end within 3 s, and was killed")]
    [InlineData("sleep 1000 & exit 0", "it is too short for a superblock")]
    public void A_builder_that_sleeps_or_leaves_somebody_behind_holds_up_nobody(string script, string reason)
    {
        _folder.Make("layer");
        string sleeper = Script($"""
            echo >"$3"
            exec setpriv --reuid {Bounds.User} --clear-groups sh -c '{script}'
            """);
        var cache = new RootImageCache(_folder.Path("cache"), sleeper, TimeSpan.FromSeconds(3));
        var clock = Stopwatch.StartNew();
        UsageException e = Assert.Throws<UsageException>(() => cache.Ensure(Chain("layer"), Bounds, out _));
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(100));
        Assert.Equal(["work"], Cached());
    }

    [Fact]
    public void What_it_let_everybody_write_nobody_else_may_write_afterwards()
    {
        _folder.Make("layer");
        string generous = Script($"""
            {Builder} "$@" && chmod 666 "$3"
            """);
        string image =
            new RootImageCache(_folder.Path("cache"), generous).Ensure(Chain("layer"), Bounds, out BuildReport? built);
        Assert.NotNull(built);
        Assert.Equal(Linux.Files.Permission.PlainFile, Linux.Files.FileStatus.TryOf(image)!.Value.Permissions);
    }

    [Fact]
    public void A_name_that_is_too_long_for_mkfs_is_named()
    {
        _folder.Shell("mkdir -p only/d; touch only/d/$(printf 'x%.0s' $(seq 255))");
        try
        {
            Build("only");
            Assert.Skip("this mkfs.erofs takes names of 255 bytes");
        }
        catch (UsageException failure)
        {
            Assert.EndsWith(
                $"; the name of {_folder.Path("only")}/d/{new string('x', 255)} has 255 bytes, which mkfs.erofs takes from version 1.6 on: install that, or shorten the name",
                failure.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_hundred_and_twenty_seven_layers_fit()
    {
        string[] layers = [.. Enumerable.Range(0, 127).Select(i => $"layer-with-a-long-name-{i}:{new string('x', 64)}")];
        foreach (string layer in layers) File.WriteAllText(Path.Combine(_folder.Make(layer), layer[..30].Split(':')[0]), "");
        string image = Build(layers);
        Assert.Equal("127\n", _folder.Shell($"mkdir image; mount -o loop,ro {image} image; ls image | wc -l"));
    }

    [Fact]
    public void Many_at_once_build_it_once()
    {
        _folder.Make("layer/etc");
        var reports = new BuildReport?[6];
        Parallel.For(0, reports.Length, new ParallelOptions { MaxDegreeOfParallelism = 6 },
            i => Cache().Ensure(Chain("layer"), Bounds, out reports[i]));
        BuildReport built = Assert.Single(reports, report => report is not null)!;
        Assert.True(built.Bytes > 0);
        Assert.Equal(["key.erofs", "work"], Cached());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4096)]
    public void A_damaged_image_is_built_anew(int length)
    {
        Directory.CreateDirectory(Path.Combine(_folder.Make("layer"), "etc"));
        File.WriteAllBytes(_folder.Path("layer/f"), new byte[100_000]);
        string image = Build("layer");
        using (FileStream file = File.OpenWrite(image)) file.SetLength(length);
        Cache().Ensure(Chain("layer"), Bounds, out BuildReport? built);
        Assert.Contains("damaged", built!.Reason);
        Assert.Null(ErofsImage.FaultOf(image));
    }

    [Fact]
    public void A_builder_that_is_killed_leaves_nothing_usable_and_no_process()
    {
        _folder.Make("layer");
        _folder.Shell("truncate -s 8G layer/large");
        string image = Path.Combine(_folder.Make("cache"), "key.erofs");
        string unfinished = image + ".tmp-1";
        _folder.Make("cache/work");
        // A shell stands for the process that builds; the verb asks to be killed with it.
        string command = string.Join(' ', BuildVerb.Arguments(
            "/usr/bin/mkfs.erofs", unfinished, Bounds, _folder.Path("cache/work"), [_folder.Path("layer")]));
        using Process parent = Process.Start("sh", ["-c", $"{Builder} build-image {command}; true"]);
        Assert.True(SpinWait.SpinUntil(() => File.Exists(unfinished), TimeSpan.FromSeconds(20)));
        parent.Kill();
        Assert.True(SpinWait.SpinUntil(() => !Running(Path.GetFileName(unfinished)), TimeSpan.FromSeconds(20)));
        Assert.NotNull(ErofsImage.FaultOf(unfinished));
        Assert.False(File.Exists(image));
        File.Delete(_folder.Path("layer/large"));
        Cache().Ensure(Chain("layer"), Bounds, out _);
        Assert.Equal(["key.erofs", "work"], Cached());
    }

    [Fact]
    public void No_space_is_one_sentence_with_the_way_out()
    {
        _folder.Make("layer");
        _folder.Make("cache");
        File.WriteAllBytes(_folder.Path("layer/f"), new byte[4_000_000]);
        string cache = _folder.Path("cache");
        // The mount is made by the test's own process: the cache must see it.
        Linux.Mounts.MountPoint.Add("tmpfs", cache, "tmpfs", data: "size=1m");
        try
        {
            UsageException e = Assert.Throws<UsageException>(() => Cache().Ensure(Chain("layer"), Bounds, out _));
            Assert.StartsWith($"no space left in {cache}", e.Message);
            Assert.Contains("runcvm images prune", e.Message);
            Assert.Equal(["work"], Cached());
        }
        finally
        {
            Linux.Mounts.MountPoint.Remove(cache, detach: true);
        }
    }

    [Fact]
    public void A_failure_of_the_builder_is_told_in_its_own_words()
    {
        UsageException e = Assert.Throws<UsageException>(() => Cache().Ensure(Chain("missing"), Bounds, out _));
        Assert.Contains("No such file or directory", e.Message);
    }

    [Fact]
    public void The_verb_lists_and_prunes_what_no_machine_uses()
    {
        _folder.Make("layer");
        Build("layer");
        File.WriteAllText(Path.Combine(_folder.Make("run/machine"), "root-image"), "key\n");
        Assert.Matches("key +- +[0-9.]+ KiB +[0-9-]+ [0-9:]+ +1\n", Images());
        Assert.Equal(_folder.Path("layer"), Assert.Single(All()).TopLayer);
        Assert.Equal("0 B freed\n", Prune());
        File.Delete(_folder.Path("run/machine/root-image"));
        Assert.Contains("removed key", Prune());
        Assert.Equal(["work"], Cached());
        Assert.False(File.Exists(_folder.Path("cache/key.layers")));
    }

    [Fact]
    public void Pruning_keeps_those_used_last()
    {
        MakeImages("a", "b", "c");
        Assert.Equal("removed a\n3.0 KiB freed\n", Prune(keep: 2));
        Assert.Equal(["b.erofs", "c.erofs"], Cached());
    }

    [Fact]
    public void A_cache_that_is_too_large_loses_what_was_longest_unused_and_nothing_that_is_in_use()
    {
        MakeImages("a", "b", "c", "d");
        File.WriteAllText(Path.Combine(_folder.Make("run/machine"), "root-image"), "a");
        using LockFile building = LockFile.Acquire(_folder.Path("cache/b.lock"));
        IReadOnlyList<CachedImage> removed = Eviction().Shrink(3 * 3072);
        Assert.Equal(["c"], removed.Select(static image => image.Key));
        Assert.Equal(["d"], Eviction().Shrink(0).Select(static image => image.Key));
        Assert.Equal(["a.erofs", "b.erofs", "b.lock"], Cached());
        Assert.Empty(Eviction().Shrink(0));
    }

    [Fact]
    public void An_image_that_is_being_built_is_shown_with_what_is_there_of_it()
    {
        MakeImages("a");
        File.WriteAllBytes(_folder.Path("cache/b.erofs.tmp-17"), new byte[100]);
        using LockFile building = LockFile.Acquire(_folder.Path("cache/b.lock"));
        Assert.Equal([(false, 3072), (true, 100)], All().Select(static image => (image.IsBuilding, image.Bytes)));
    }

    [Fact]
    public async Task A_start_that_looks_for_its_image_is_not_robbed_of_it()
    {
        MakeImages("a");
        _folder.Make("run/machine");
        using Microsoft.Win32.SafeHandles.SafeFileHandle starts = Linux.Files.FileDescriptor.Open(
            new RootImageCache(_folder.Path("cache")).StartsLock, Linux.Files.OpenFlags.ReadWrite | Linux.Files.OpenFlags.Create, 0x180);
        Linux.Files.FileDescriptor.LockShared(starts);
        Task<string> pruning = Task.Run(() => Prune(), TestContext.Current.CancellationToken);
        // Whoever prunes holds the builder's lock while it waits for this start.
        Assert.True(SpinWait.SpinUntil(() => LockFile.IsHeld(_folder.Path("cache/a.lock")), TimeSpan.FromSeconds(20)));
        File.WriteAllText(_folder.Path("run/machine/root-image"), "a");
        starts.Dispose();
        Assert.Equal("0 B freed\n", await pruning);
        Assert.Equal(["a.erofs"], Cached());
    }

    [Fact]
    public void What_a_power_cut_leaves_is_cleared_away()
    {
        MakeImages("a");
        foreach (string name in new[] { "b.erofs.tmp-17", "c.layers", "d.lock" }) File.WriteAllText(_folder.Path($"cache/{name}"), "");
        Assert.Equal(["a"], All().Select(static image => image.Key));
        Assert.Equal("0 B freed\n", Prune(keep: 1));
        Assert.Equal(["a.erofs", "d.lock"], Cached());
    }

    private string Script(string lines)
    {
        string path = _folder.Path("builder");
        ScriptFile.Write(path, "#!/bin/sh\n" + lines + "\n");
        return path;
    }

    // 3 KiB each, the first one longest unused.
    private void MakeImages(params string[] keys)
    {
        _folder.Make("cache");
        for (int i = 0; i < keys.Length; i++)
        {
            string file = _folder.Path($"cache/{keys[i]}.erofs");
            File.WriteAllBytes(file, new byte[3072]);
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddHours(i - keys.Length));
        }
    }

    private IReadOnlyList<CachedImage> All() => CachedImage.All(_folder.Path("cache"), _folder.Path("run"));

    private ImageEviction Eviction() => new(_folder.Path("cache"), _folder.Path("run"));

    private string Prune(int keep = 0)
    {
        var output = new StringWriter();
        var kernels = new ImageKernelEviction(
            _folder.Path("image-kernels"), _folder.Path("initramfs"), static () => new HashSet<string>());
        Assert.Equal(0, ImagesVerb.Prune(output, keep, Eviction(), kernels));
        return output.ToString();
    }

    internal static string Compare(string expected, string image)
        => $"\nmkdir image; mount -o loop,ro {image} image; " + """
            cat > list.py <<'E'
            import os, sys, hashlib, stat
            os.chdir(sys.argv[1])
            links = {}
            for base, folders, files in os.walk(b'.'):
                folders.sort()
                for name in [b'.'] * (base == b'.') + sorted(folders + files):
                    p = os.path.join(base, name); s = os.lstat(p)
                    content = os.readlink(p) if stat.S_ISLNK(s.st_mode) else hashlib.sha256(open(p, 'rb').read()).hexdigest() if stat.S_ISREG(s.st_mode) else ''
                    x = {k: os.getxattr(p, k, follow_symlinks=False) for k in sorted(os.listxattr(p, follow_symlinks=False))}
                    size = 0 if stat.S_ISDIR(s.st_mode) else s.st_size
                    print(p, oct(s.st_mode), s.st_uid, s.st_gid, size, s.st_rdev, s.st_mtime_ns, content, x, links.setdefault(s.st_ino, p) if not stat.S_ISDIR(s.st_mode) else '')
            E
            """ + $"\npython3 list.py {expected} > expected; python3 list.py image > actual; diff expected actual >&2\n";

    private string Build(params string[] layers)
    {
        string image = Cache().Ensure(Chain(layers), Bounds, out BuildReport? built);
        Assert.NotNull(built);
        Cache().Ensure(Chain(layers), Bounds, out BuildReport? again);
        Assert.Null(again);
        return image;
    }

    private string Images()
    {
        var output = new StringWriter();
        Assert.Equal(0, ImagesVerb.List(output, false, All()));
        return output.ToString();
    }

    private static bool Running(string argument)
        => Directory.EnumerateDirectories("/proc").Any(process =>
        {
            try
            {
                return File.ReadAllText(process + "/cmdline").Contains(argument + '\0', StringComparison.Ordinal);
            }
            catch (IOException)
            {
                return false;
            }
        });

    private RootImageCache Cache() => new(_folder.Path("cache"), Builder);

    private LayerChain Chain(params string[] layers)
        => new("/root-of-the-container", [.. layers.Select(_folder.Path)], null, null, "key");

    private IEnumerable<string> Cached()
        => Directory.EnumerateFileSystemEntries(_folder.Path("cache")).Select(path => Path.GetFileName(path))
            .Where(name => name[0] != '.' && !name.EndsWith(".layers", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
}
