using Runcvm.Images;

namespace Runcvm.Tests.Images;

public sealed class ScratchDiskTests : IDisposable
{
    private const long Size = 10L << 30;
    private readonly TemporaryFolder _folder = new();

    public ScratchDiskTests() => Assert.SkipUnless(File.Exists("/usr/sbin/mkfs.ext4"), "needs mkfs.ext4");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_disk_lies_beside_the_containers_layer_and_is_kept()
    {
        LayerChain chain = Chain("/root", _folder.Make("container"));
        ScratchDisk disk = Ensure(chain, Size);
        Assert.Equal(new ScratchDisk(_folder.Path("container/runcvm-scratch.ext4"), Size, true), disk);
        Assert.Equal(disk with { IsNew = false }, Ensure(chain, 2 * Size));
    }

    [Fact]
    public void A_copy_is_a_sound_file_system_of_a_few_blocks()
    {
        string disk = Ensure(Chain("/root", _folder.Make("container")), Size).Path;
        _folder.Shell($"e2fsck -fn {disk}; dumpe2fs -h {disk} | grep -q runcvm-scratch; test $(du -k {disk} | cut -f1) -lt 1024");
    }

    [Fact]
    public void The_smallest_disk_has_a_journal_that_fits()
        => _folder.Shell($"e2fsck -fn {Ensure(Chain("/root", _folder.Make("container")), 64L << 20).Path}");

    [Fact]
    public void Only_so_many_templates_are_kept_and_those_used_last()
    {
        // Whoever made this one was killed.
        string left = _folder.Path("store/scratch-template-7.ext4.tmp");
        _folder.Make("store");
        File.WriteAllText(left, "");
        for (int i = 0; i < 20; i++)
        {
            ScratchTemplate.Open(_folder.Path("store"), (64L + i) << 20).Dispose();
            ScratchTemplate.Open(_folder.Path("store"), 64L << 20).Dispose();
        }

        string[] kept = Directory.GetFiles(_folder.Path("store"), "scratch-template-*.ext4");
        Assert.Equal(16, kept.Length);
        Assert.False(File.Exists(left));
        Assert.Empty(Directory.GetFiles(_folder.Path("store"), "*.lock"));
        Assert.Contains(_folder.Path($"store/scratch-template-{64L << 20}.ext4"), kept);
    }

    [Fact]
    public void A_disk_in_the_store_goes_when_the_root_is_gone()
    {
        ScratchDisk first = Ensure(Chain(_folder.Make("first"), null), Size, "one");
        first.HoldRoot();
        Directory.Delete(_folder.Path("first"));
        ScratchDisk second = Ensure(Chain(_folder.Make("second"), null), Size, "two");
        Assert.Equal(["two.ext4", "two.ext4.root"], Directory.GetFiles(_folder.Path("store/scratch")).Select(Path.GetFileName).Order());
        Assert.False(Ensure(Chain(_folder.Path("second"), null), Size, "two").IsNew);
        Assert.Equal(_folder.Path("store/scratch/two.ext4"), second.Path);
    }

    [Fact]
    public void A_disk_knows_whether_it_holds_the_root()
    {
        LayerChain chain = Chain("/root", _folder.Make("container"));
        Assert.False(ScratchDisk.HoldsRootOf(chain, "id", _folder.Path("store")));
        Ensure(chain, Size).HoldRoot();
        Assert.True(ScratchDisk.HoldsRootOf(chain, "id", _folder.Path("store")));
        Assert.False(ScratchDisk.HoldsRootOf(Chain("/root", _folder.Make("another")), "id", _folder.Path("store")));
    }

    [Fact]
    public void No_space_is_one_sentence_and_leaves_no_file()
    {
        Assert.SkipUnless(Linux.Processes.CurrentProcess.IsRoot, "mounts need root");
        string container = _folder.Make("container");
        Linux.Mounts.MountPoint.Add("tmpfs", container, "tmpfs", data: "size=64k");
        try
        {
            UsageException e = Assert.Throws<UsageException>(() => Ensure(Chain("/root", container), Size));
            Assert.StartsWith($"no space left in {container}", e.Message);
            Assert.Empty(Directory.EnumerateFileSystemEntries(container));
        }
        finally
        {
            Linux.Mounts.MountPoint.Remove(container, detach: true);
        }
    }

    private ScratchDisk Ensure(LayerChain chain, long size, string id = "id") => ScratchDisk.Ensure(chain, id, size, _folder.Path("store"));

    private static LayerChain Chain(string root, string? container) => new(root, [], null, container, "key");
}
