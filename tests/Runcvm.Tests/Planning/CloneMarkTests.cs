using Runcvm.Planning;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Planning;

public sealed class CloneMarkTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("runcvm-clone-").FullName;

    private string Disk => Path.Combine(_folder, "disk");

    [Fact]
    public void A_disk_on_which_nothing_ran_since_this_boot_is_the_templates()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "marks of machines are root's");
        var folder = MachineFolder.Of("clone-mark-test", _folder, () => _folder);
        CloneMark.Set(folder, Disk);
        Assert.True(CloneMark.IsSet(Disk));
        // A start that came to nothing.
        CloneMark.Settle(folder);
        Assert.True(CloneMark.IsSet(Disk));
    }

    [Theory]
    [InlineData("")]
    [InlineData("11111111-2222-3333-4444-555555555555\n")]
    public void A_mark_from_before_the_host_booted_throws_no_disk_away(string boot)
    {
        File.WriteAllText(Disk + ".template", boot);
        Assert.False(CloneMark.IsSet(Disk));
    }

    [Fact]
    public void A_disk_without_a_mark_is_the_containers() => Assert.False(CloneMark.IsSet(Disk));

    [Fact]
    public void A_restore_that_came_to_nothing_gives_the_disk_back_that_was_there()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "marks of machines are root's");
        File.WriteAllText(Disk, "own");
        Restore("restored");
        CloneMark.TakeBack(Disk, isTemplates: false);
        Assert.Equal("own", File.ReadAllText(Disk));
        Assert.False(CloneMark.IsSet(Disk));
        // Killed between the two steps.
        CloneMark.PutAside(Disk);
        CloneMark.TakeBack(Disk, isTemplates: false);
        Assert.Equal("own", File.ReadAllText(Disk));
        Assert.Equal([Disk], Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_container_that_had_no_disk_has_none_after_that()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "marks of machines are root's");
        Restore("restored");
        CloneMark.TakeBack(Disk, isTemplates: false);
        Assert.Empty(Directory.GetFiles(_folder));
        // A template's is replaced by another copy.
        Restore("template's");
        CloneMark.TakeBack(Disk, isTemplates: true);
        Assert.True(File.Exists(Disk) && CloneMark.IsSet(Disk));
    }

    [Theory]
    [InlineData("")]
    [InlineData("11111111-2222-3333-4444-555555555555\n")]
    public void A_restored_disk_that_may_have_been_written_is_the_containers(string boot)
    {
        File.WriteAllText(Disk + ".before", "own");
        File.WriteAllText(Disk, "restored");
        if (boot.Length > 0) File.WriteAllText(Disk + ".template", boot);
        CloneMark.TakeBack(Disk, isTemplates: false);
        Assert.Equal("restored", File.ReadAllText(Disk));
        Assert.False(File.Exists(Disk + ".before"));
    }

    private void Restore(string content)
    {
        CloneMark.PutAside(Disk);
        CloneMark.Set(MachineFolder.Of("clone-mark-test", _folder, () => _folder), Disk);
        File.WriteAllText(Disk, content);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
