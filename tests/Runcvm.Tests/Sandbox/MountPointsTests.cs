using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public sealed class MountPointsTests : IDisposable
{
    private readonly string _top = Directory.CreateTempSubdirectory("runcvm-tests-").FullName;

    private string Root => Directory.CreateDirectory(_top + "/root").FullName;

    public void Dispose() => Directory.Delete(_top, recursive: true);

    [Fact]
    public void Folders_and_files_that_are_missing_are_made()
    {
        MountPoints.Make(Root, [("/a/b", false), ("/etc/f", true), ("/dev/pts", false), ("/a/b/below", false)], []);
        Assert.True(Directory.Exists(Root + "/a/b"));
        Assert.Equal(0, new FileInfo(Root + "/etc/f").Length);
        Assert.False(Directory.Exists(Root + "/dev"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Root + "/a/b"));
    }

    [Fact]
    public void What_is_there_stays_as_it_is()
    {
        Directory.CreateDirectory(Root + "/etc");
        File.WriteAllText(Root + "/etc/f", "mine");
        MountPoints.Make(Root, [("/etc/f", true), ("/etc", false), ("/etc/f/g", false)], []);
        Assert.Equal("mine", File.ReadAllText(Root + "/etc/f"));
    }

    [Theory]
    [InlineData("/out/made", false)]
    [InlineData("/out/made", true)]
    [InlineData("/up/made", false)]
    [InlineData("/nowhere/made", true)]
    [InlineData("/nowhere", true)]
    [InlineData("/../../made", false)]
    public void A_link_of_the_image_never_leads_out(string place, bool isFile)
    {
        Directory.CreateDirectory(_top + "/outside");
        File.CreateSymbolicLink(Root + "/out", _top + "/outside");
        File.CreateSymbolicLink(Root + "/up", "../../outside");
        File.CreateSymbolicLink(Root + "/nowhere", _top + "/outside/made");
        MountPoints.Make(Root, [(place, isFile)], []);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_top + "/outside"));
        Assert.Equal(["outside", "root"], Directory.EnumerateDirectories(_top).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_mount_below_the_working_directory_is_made_and_one_below_a_mount_is_the_guests()
    {
        MountPoints.Make(Root, [("/home/app/data/", false), ("/home/app/data/x", false)], ["/home/app", "/w"]);
        Assert.True(Directory.Exists(Path.Combine(Root, "home/app/data")));
        Assert.False(Directory.Exists(Path.Combine(Root, "home/app/data/x")));
        Assert.True(Directory.Exists(Path.Combine(Root, "w")));
    }

    [Fact]
    public void A_place_that_cannot_be_made_is_named()
    {
        File.CreateSymbolicLink(Path.Combine(Root, "round"), "round");
        Assert.Contains("/round/a", Assert.Throws<UsageException>(
            () => MountPoints.Make(Root, [("/round/a", false)], [])).Message, StringComparison.Ordinal);
    }
}
