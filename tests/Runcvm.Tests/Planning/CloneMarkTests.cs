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

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
