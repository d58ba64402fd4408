using Runcvm.Images;
using Runcvm.Linux.Files;
using Runcvm.Options;

namespace Runcvm.Tests.Images;

public sealed class BackingFileTests : IDisposable
{
    private const long Size = 64L << 20;
    private readonly TemporaryFolder _folder = new();
    private readonly string _volume;

    public BackingFileTests()
    {
        Assert.SkipUnless(File.Exists("/usr/sbin/mkfs.ext4"), "needs mkfs.ext4");
        Assert.SkipUnless(Linux.Processes.CurrentProcess.IsRoot, "changing an owner needs root");
        _volume = _folder.Make("volume");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_new_file_is_a_sparse_file_system_and_is_found_again()
    {
        BackingFile made = Ensure("disk");
        FileStatus status = FileStatus.TryOf(made.Path)!.Value;
        Assert.Equal(($"{_volume}/disk", (ulong)Size, 65530u, 0u, 0x1B0u), (made.Path, status.Size, status.Owner, status.Group, status.Permissions));
        _folder.Shell($"e2fsck -fn {made.Path}; test $(du -k {made.Path} | cut -f1) -lt 1024");
        Assert.Equal(made, Ensure("disk"));
        Assert.Equal(["disk"], Directory.GetFileSystemEntries(_volume).Select(Path.GetFileName));
    }

    [Fact]
    public void It_grows_and_never_shrinks()
    {
        string path = Ensure("disk").Path;
        Ensure("disk", 2 * Size);
        Assert.Equal(2 * Size, new FileInfo(path).Length);
        Ensure("disk", Size);
        Ensure("disk", null);
        Assert.Equal(2 * Size, new FileInfo(path).Length);
    }

    [Fact]
    public void What_is_no_file_system_is_left_alone()
    {
        File.WriteAllText($"{_volume}/letter", "dear");
        Assert.Contains("holds no ext4", Refusal("letter", 2 * Size), StringComparison.Ordinal);
        Assert.Equal("dear", File.ReadAllText($"{_volume}/letter"));
        Assert.Equal(0u, FileStatus.TryOf($"{_volume}/letter")!.Value.Owner);
    }

    [Fact]
    public void A_link_leads_nowhere_else()
    {
        string outside = _folder.Make("outside");
        Ensure("disk");
        File.Move($"{_volume}/disk", $"{outside}/disk");
        File.CreateSymbolicLink($"{_volume}/disk", $"{outside}/disk");
        Directory.CreateSymbolicLink($"{_volume}/folder", outside);
        Assert.NotNull(Refusal("disk", 2 * Size));
        Assert.Contains("does not exist", Refusal("folder/disk", 2 * Size), StringComparison.Ordinal);
        Assert.Equal(Size, new FileInfo($"{outside}/disk").Length);
    }

    [Fact]
    public void A_device_is_not_opened()
    {
        Node.Make($"{_volume}/device", FileKind.CharacterDevice, 0x1B6, FileStatus.Device(1, 3));
        Assert.Contains("no regular file", Refusal("device", Size), StringComparison.Ordinal);
    }

    [Fact]
    public void One_that_a_machine_uses_is_refused()
    {
        using var used = FileDescriptor.Open(Ensure("disk").Path, OpenFlags.ReadOnly);
        Assert.True(FileDescriptor.TryLock(used));
        Assert.Contains("in use by another machine", Refusal("disk", 2 * Size), StringComparison.Ordinal);
        Assert.Equal(Size, new FileInfo($"{_volume}/disk").Length);
    }

    [Theory]
    [InlineData(DiskFileSystem.Xfs, "xfs_repair -n -f {0} 2>&1; xfs_db -r -c uuid {0}")]
    [InlineData(DiskFileSystem.Btrfs, "btrfs check --readonly {0} 2>&1 >/dev/null; btrfs inspect-internal dump-super {0} | grep ^fsid")]
    internal void Other_file_systems_are_made_sound_sparse_and_each_with_a_name_of_its_own(DiskFileSystem system, string check)
    {
        Assert.SkipUnless(File.Exists($"/usr/sbin/mkfs.{system}".ToLowerInvariant()), "needs mkfs of it");
        string[] last = [.. ((string[])["one", "two"]).Select(name => _folder.Shell(string.Format(null, check, Ensure(name, 8 * Size, system).Path)).TrimEnd().Split('\n')[^1])];
        Assert.NotEqual(last[0], last[1]);
        _folder.Shell($"test $(du -k {_volume}/one | cut -f1) -lt 80000");
        Assert.Contains("holds no ext4", Refusal("one", 8 * Size), StringComparison.Ordinal);
        Assert.Equal(["one", "two"], Directory.GetFileSystemEntries(_volume).Select(Path.GetFileName).Order());
        Assert.Empty(Directory.GetFiles(_folder.Path("templates")));
    }

    private BackingFile Ensure(string relative, long? size = Size, DiskFileSystem system = DiskFileSystem.Ext4)
        => BackingFile.Ensure(_volume, relative, system, size, Size, 65530, "/data/" + relative, _folder.Path("templates"));

    private string Refusal(string relative, long size) => Assert.Throws<UsageException>(() => Ensure(relative, size)).Message;
}
