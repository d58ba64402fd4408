using Runcvm.Linux.Processes;
using Runcvm.Tests.Images;
using Runcvm.WarmStarts;

namespace Runcvm.Tests.WarmStarts;

public sealed class CheckpointFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public CheckpointFolderTests() => Assert.SkipUnless(CurrentProcess.IsRoot, "what is not root's is not used");

    private string Place => _folder.Path("point");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_made_is_found_and_is_roots_alone()
    {
        Make();
        using CheckpointFolder folder = CheckpointFolder.At(Place, isNew: false);
        using Checkpoint checkpoint = folder.Open();
        Assert.Equal(("image", 2u), (checkpoint.Record.Root, checkpoint.Record.Machine.Cards));
        Assert.Equal(6, RandomAccess.GetLength(checkpoint.Memory));
        Assert.Equal(4, RandomAccess.GetLength(checkpoint.Disk));
        Assert.Equal("700 point\n400 point/disk\n400 point/inventory.img\n400 point/memory\n",
            _folder.Shell("stat -c '%a %n' point point/*"));
    }

    [Theory]
    [InlineData("truncate -s 3 point/memory", "memory has 3 bytes, and not 6")]
    [InlineData("truncate -s 5 point/disk", "disk has 5 bytes, and not 4")]
    [InlineData("truncate -s 10M point/inventory.img", "too long")]
    [InlineData("truncate -s 30 point/inventory.img", "missing")]
    [InlineData("echo more >> point/inventory.img", "too many")]
    [InlineData("echo CRIU > point/inventory.img", "of another program")]
    [InlineData("sed -i 's/checkpoint 1/checkpoint 2/' point/inventory.img; chmod 400 point/*", "not of this version")]
    [InlineData("chown 1000 point/memory", "not root's alone")]
    [InlineData("chmod 440 point/disk", "not root's alone")]
    [InlineData("chmod 404 point/inventory.img", "not root's alone")]
    [InlineData("ln point/memory other", "no file of a checkpoint")]
    [InlineData("rm point/memory; mkfifo -m 400 point/memory", "no file of a checkpoint")]
    [InlineData("mv point/disk other; ln -s ../other point/disk", "symbolic links")]
    [InlineData("rm point/inventory.img", "no whole checkpoint")]
    [InlineData("rm point/disk", "no whole checkpoint")]
    [InlineData("chown 1000 point", "others than root can change")]
    [InlineData("chmod 770 point", "others than root can change")]
    [InlineData("rm -r point", "there is no folder")]
    public void One_that_is_broken_or_that_somebody_may_have_changed_is_refused(string change, string reason)
    {
        Make();
        _folder.Shell(change);
        UsageException refusal = Assert.Throws<UsageException>(() =>
        {
            using CheckpointFolder folder = CheckpointFolder.At(Place, isNew: false);
            using Checkpoint checkpoint = folder.Open();
        });
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_written_over_and_one_that_is_given_up_leaves_nothing()
    {
        Make();
        using CheckpointFolder folder = CheckpointFolder.At(Place, isNew: true);
        UsageException refusal = Assert.Throws<UsageException>(() => folder.Create(CheckpointFolder.Memory));
        Assert.Contains("has a file memory already", refusal.Message, StringComparison.Ordinal);
        folder.GiveUp();
        Assert.Equal(3, Directory.GetFiles(Place).Length);

        string other = _folder.Path("other");
        using CheckpointFolder given = CheckpointFolder.At(other, isNew: true);
        given.Create(CheckpointFolder.Memory).Dispose();
        given.GiveUp();
        Assert.Empty(Directory.GetFiles(other));
    }

    private void Make()
    {
        using CheckpointFolder folder = CheckpointFolder.At(Place, isNew: true);
        Write(folder, CheckpointFolder.Memory, "memory");
        Write(folder, CheckpointFolder.Disk, "disk");
        var machine = new TemplateRecord { Cards = 2, MemoryBytes = 6, DiskBytes = 4096, Traits = [new("vCPUs", "2")] };
        folder.Finish(new CheckpointRecord(machine, "image", 4));
    }

    private static void Write(CheckpointFolder folder, string name, string content)
    {
        using FileStream file = folder.Create(name);
        file.Write(System.Text.Encoding.ASCII.GetBytes(content));
    }
}
