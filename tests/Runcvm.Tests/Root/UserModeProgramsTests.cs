using Runcvm.Guest.Root;

namespace Runcvm.Tests.Root;

public sealed class UserModeProgramsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("runcvm-tests-").FullName;

    private string Image => Path.Combine(_folder, "image");

    private string Top => Path.Combine(_folder, "top");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Names_of_the_image_lead_into_it_and_the_initramfs_keeps_its_own()
    {
        foreach (string name in (string[])
            ["usr", "sbin", "tmp", "proc", "lib/systemd", "lib/x86_64-linux-gnu", "lib/firmware"])
            Directory.CreateDirectory(Path.Combine(Image, name));
        foreach (string name in (string[])["proc", "tmp", "run", "lib/modules", "sbin"])
            Directory.CreateDirectory(Path.Combine(Top, name));
        UserModePrograms.Lead(Image, Top);
        foreach (string name in (string[])
            ["usr", "tmp", "lib/systemd", "lib/x86_64-linux-gnu", "run/systemd", "sbin/request-key"])
            Assert.Equal(Path.Combine(Image, name), new FileInfo(Path.Combine(Top, name)).LinkTarget);
        foreach (string name in (string[])["proc", "sbin", "lib/modules"])
            Assert.Null(new DirectoryInfo(Path.Combine(Top, name)).LinkTarget);
        Assert.False(Path.Exists(Path.Combine(Top, "lib/firmware")));
    }

    [Fact]
    public void Nothing_is_made_behind_a_link_and_what_holds_something_stays()
    {
        string elsewhere = Directory.CreateDirectory(Path.Combine(_folder, "elsewhere")).FullName;
        Directory.CreateDirectory(Path.Combine(Image, "lib/systemd"));
        Directory.CreateDirectory(Path.Combine(Top, "tmp/held"));
        foreach (string name in (string[])["lib", "sbin", "run"])
            Directory.CreateSymbolicLink(Path.Combine(Top, name), elsewhere);
        UserModePrograms.Lead(Image, Top);
        Assert.Empty(Directory.GetFileSystemEntries(elsewhere));
        Assert.True(Directory.Exists(Path.Combine(Top, "tmp/held")));
    }
}
