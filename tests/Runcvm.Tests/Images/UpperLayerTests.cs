using System.Text;
using Runcvm.Images;
using Runcvm.Linux.Processes;

namespace Runcvm.Tests.Images;

public sealed class UpperLayerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public UpperLayerTests() => _folder.Make("upper");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_empty_layer_needs_nothing() => Assert.Null(Pack(null));

    [Fact]
    public void The_first_time_everything_is_one_change()
    {
        SkipWithoutTools();
        _folder.Shell("mkdir -p upper/a/b; touch upper/a/b/c");
        PackedUpper packed = Pack(null)!;
        Assert.Equal(["*"], Names(packed.Changes));
        Assert.Null(Pack(packed.AppliedUpTo));
    }

    [Fact]
    public void Later_only_what_changed_is_named()
    {
        SkipWithoutTools();
        _folder.Shell("mkdir -p upper/a/old upper/b; touch upper/a/old/f upper/b/kept upper/b/touched");
        long applied = Pack(null)!.AppliedUpTo;
        // ctime has the granularity of a tick.
        _folder.Shell("sleep 0.05; chmod 600 upper/b/touched; mkdir -p upper/a/new/deep; printf x > \"$(printf 'upper/a/new/\\377')\"");
        Assert.Equal(["a", "a/new*", "b/touched"], Names(Pack(applied)!.Changes));
    }

    [Fact]
    public void Names_that_are_not_UTF_8_stay_as_they_are()
    {
        SkipWithoutTools();
        _folder.Shell("touch upper/a");
        long applied = Pack(null)!.AppliedUpTo;
        _folder.Shell("sleep 0.05; touch \"$(printf 'upper/\\377\\376')\"");
        Assert.Contains(Pack(applied)!.Changes, change => change.Path.AsSpan().SequenceEqual<byte>([0xff, 0xfe]));
    }

    [Fact]
    public void Whiteouts_and_overlay_attributes_are_in_the_image()
    {
        SkipWithoutTools();
        Assert.SkipUnless(CurrentProcess.IsRoot, "device nodes and mounts need root");
        _folder.Shell("""
            mkdir upper/opaque; mknod upper/gone c 0 0
            python3 -c "import os; os.setxattr('upper/opaque', 'trusted.overlay.opaque', b'y')"
            """);
        _folder.Shell(RootImageCacheTests.Compare("upper", Pack(null)!.Image));
    }

    [Fact]
    public void A_layer_whose_holes_would_fill_the_state_folder_is_refused_with_the_way_out()
    {
        SkipWithoutTools();
        _folder.Shell("truncate -s 8T upper/file");
        string message = Assert.Throws<UsageException>(() => Pack(null)).Message;
        Assert.Contains("with the holes of its files filled", message, StringComparison.Ordinal);
        Assert.EndsWith("RUNCVM_ROOTFS=share needs no image", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_layer_of_folders_without_end_is_refused_in_a_sentence()
    {
        SkipWithoutTools();
        _folder.Shell("cd upper; for i in $(seq 600); do mkdir d; cd d; done");
        Assert.Equal(
            "the container's own layer has more than 500 folders in each other",
            Assert.Throws<UsageException>(() => Pack(null)).Message);
        _folder.Shell("rm -r upper/d");
    }

    [Fact]
    public void An_image_fills_half_of_the_room_in_the_state_folder_at_most()
    {
        Assert.SkipUnless(CurrentProcess.IsRoot, "mounts need root");
        string state = _folder.Make("state");
        Linux.Mounts.MountPoint.Add("tmpfs", state, "tmpfs", data: "size=8m");
        try
        {
            Assert.Equal($"--fsize={4 << 20}", UpperBuild.Limits(state).First());
        }
        finally
        {
            Linux.Mounts.MountPoint.Remove(state, detach: true);
        }
    }

    private static void SkipWithoutTools() => Assert.SkipUnless(File.Exists("/usr/bin/mkfs.erofs"), "needs mkfs.erofs");

    private PackedUpper? Pack(long? lastApplied)
        => UpperLayer.Pack(
            new LayerChain("/r", [], _folder.Path("upper"), null, "key"), lastApplied, _folder.Path("upper.erofs"),
            user: 1_900_000_001);

    private static string[] Names(IEnumerable<UpperChange> changes)
        => [.. changes.Select(change => Encoding.Latin1.GetString(change.Path) + (change.WithContents ? "*" : "")).Order(StringComparer.Ordinal)];
}
