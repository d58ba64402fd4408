using Runcvm.Fuse;

namespace Runcvm.Tests.Fuse;

/// <summary>Plain things that people do with a volume.</summary>
public class ShareTests
{
    [Theory]
    [InlineData(CachePolicy.Auto)]
    [InlineData(CachePolicy.None)]
    [InlineData(CachePolicy.Always)]
    public void What_is_written_on_one_side_is_read_on_the_other(CachePolicy cache)
    {
        using var share = MountedShare.Start(cache: cache);
        byte[] content = new byte[3 * 1024 * 1024 + 17];
        Random.Shared.NextBytes(content);
        File.WriteAllBytes(Path.Combine(share.Guest, "from-guest"), content);
        Assert.Equal(content, File.ReadAllBytes(Path.Combine(share.Host, "from-guest")));
        File.WriteAllBytes(Path.Combine(share.Host, "from-host"), content);
        Assert.Equal(content, File.ReadAllBytes(Path.Combine(share.Guest, "from-host")));
    }

    [Fact]
    public void A_tree_is_made_listed_moved_and_deleted()
    {
        using var share = MountedShare.Start();
        string a = Path.Combine(share.Guest, "a");
        Directory.CreateDirectory(Path.Combine(a, "b"));
        for (int i = 0; i < 1000; i++) File.WriteAllText(Path.Combine(a, "b", $"file with a rather long name {i}"), $"{i}");
        File.CreateSymbolicLink(Path.Combine(a, "link"), "b");
        Assert.Equal(1000, Directory.GetFiles(Path.Combine(a, "link")).Length);
        Directory.Move(Path.Combine(a, "b"), Path.Combine(share.Guest, "c"));
        Assert.Equal(1000, Directory.GetFiles(Path.Combine(share.Host, "c")).Length);
        Assert.Equal("999", File.ReadAllText(Path.Combine(share.Guest, "c", "file with a rather long name 999")));
        Directory.Delete(Path.Combine(share.Guest, "c"), recursive: true);
        Assert.Equal([Path.Combine(share.Host, "a")], Directory.GetFileSystemEntries(share.Host));
        share.UntilAllIsClosed();
    }

    [Fact]
    public void A_single_file_is_a_share()
    {
        string file = Path.GetTempFileName();
        try
        {
            using (var share = MountedShare.Start(file))
            {
                File.WriteAllText(share.Guest, "hello");
                Assert.Equal("hello", File.ReadAllText(share.Guest));
            }

            Assert.Equal("hello", File.ReadAllText(file));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void A_share_for_reading_only_refuses_every_change()
    {
        string host = Directory.CreateTempSubdirectory().FullName;
        try
        {
            File.WriteAllText(Path.Combine(host, "file"), "hello");
            using var share = MountedShare.Start(host, readOnly: true);
            Assert.Equal("hello", File.ReadAllText(Path.Combine(share.Guest, "file")));
            Assert.Throws<IOException>(() => File.WriteAllText(Path.Combine(share.Guest, "file"), "changed"));
            Assert.Throws<IOException>(() => File.Delete(Path.Combine(share.Guest, "file")));
            Assert.Throws<IOException>(() => Directory.CreateDirectory(Path.Combine(share.Guest, "folder")));
        }
        finally
        {
            Directory.Delete(host, recursive: true);
        }
    }
}
