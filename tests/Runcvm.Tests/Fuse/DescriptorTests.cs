using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Tests.Fuse;

/// <summary>Nodes give back their descriptors: here a server has so few that every look closes some.</summary>
public class DescriptorTests
{
    private const int Few = 64;

    // The server's share of the descriptors, divided by so many, comes to the fewest that there can be.
    private const int Sharers = 1_000_000;

    [Fact]
    public void A_tree_with_more_files_than_descriptors_is_walked_read_and_deleted()
    {
        using var share = MountedShare.Start(sharers: Sharers);
        int files = Environment.GetEnvironmentVariable("RUNCVM_TEST_LARGE") == null ? 2_000 : 200_000;
        MakeTree(share.Host, files);
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(files, Directory.EnumerateFiles(share.Guest, "*", SearchOption.AllDirectories).Count(static file => new FileInfo(file).Length > 0));
            Assert.InRange(share.Server.NodeDescriptors, 0, Few + 4);
        }

        Assert.True(share.Server.Nodes > files, $"{share.Server.Nodes} nodes are known");
        for (int i = 0; i < files; i++) Assert.Equal($"{i}", File.ReadAllText(Name(share.Guest, i)));
        Assert.InRange(share.Server.NodeDescriptors, 0, Few + 4);
        foreach (string folder in Directory.GetDirectories(share.Guest)) Directory.Delete(folder, recursive: true);
        Assert.Empty(Directory.GetFileSystemEntries(share.Host));
    }

    [Fact]
    public void What_was_moved_is_found_again()
    {
        using var share = MountedShare.Start(sharers: Sharers, cache: CachePolicy.Always);
        MakeTree(share.Host, 1_000);
        string deep = Path.Combine(share.Guest, "deep");
        Directory.CreateDirectory(deep);
        using SafeFileHandle folder = FileDescriptor.Open(deep, OpenFlags.Path | OpenFlags.Directory);
        File.WriteAllText(Path.Combine(deep, "file"), "here");
        Directory.Move(deep, Path.Combine(share.Guest, "moved"));
        CloseAll(share);
        Directory.Move(Path.Combine(share.Guest, "moved"), Path.Combine(share.Guest, "d1", "again"));
        CloseAll(share);
        Assert.Equal("here", File.ReadAllText(Path.Combine(share.Guest, "d1", "again", "file")));
        // By the descriptor of the folder: no name leads there but the one that the server knows.
        Assert.Equal("here", File.ReadAllText(FileDescriptor.PathOf(folder) + "/file"));
    }

    [Fact]
    public void What_the_host_moved_is_found_where_it_is()
    {
        using var share = MountedShare.Start(sharers: Sharers);
        MakeTree(share.Host, 1_000);
        File.WriteAllText(Path.Combine(share.Host, "file"), "first");
        Assert.Equal("first", File.ReadAllText(Path.Combine(share.Guest, "file")));
        CloseAll(share);
        File.Move(Path.Combine(share.Host, "file"), Path.Combine(share.Host, "other"));
        File.WriteAllText(Path.Combine(share.Host, "file"), "second");
        // At once, while the guest's kernel still believes in the old one: it asks again.
        Assert.Equal("second", File.ReadAllText(Path.Combine(share.Guest, "file")));
        Assert.Equal("first", File.ReadAllText(Path.Combine(share.Guest, "other")));
    }

    [Fact]
    public void A_file_without_a_name_that_was_opened_twice_is_there_until_the_last_is_closed()
    {
        using var share = MountedShare.Start(sharers: Sharers);
        MakeTree(share.Host, 1_000);
        string file = Path.Combine(share.Guest, "file");
        using (SafeFileHandle first = File.OpenHandle(file, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete))
        {
            SafeFileHandle second = File.OpenHandle(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            File.Delete(file);
            second.Dispose();
            CloseAll(share);
            RandomAccess.SetLength(first, 3);
            Assert.Equal(3, RandomAccess.GetLength(first));
        }

        share.UntilAllIsClosed();
    }

    [Fact]
    public void What_has_no_name_any_more_is_there_as_long_as_it_is_open()
    {
        using var share = MountedShare.Start(sharers: Sharers);
        MakeTree(share.Host, 1_000);
        string file = Path.Combine(share.Guest, "file");
        string removed = Path.Combine(share.Guest, "removed");
        Directory.CreateDirectory(removed);
        using SafeFileHandle folder = FileDescriptor.Open(removed, OpenFlags.Path | OpenFlags.Directory);
        File.WriteAllText(file, "content");
        using (FileStream open = File.Open(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete))
        using (SafeFileHandle path = FileDescriptor.Open(Path.Combine(share.Guest, "d1", "f1"), OpenFlags.Path))
        {
            CloseAll(share);
            File.Delete(file);
            File.Delete(Path.Combine(share.Guest, "d1", "f1"));
            Directory.Delete(removed);
            CloseAll(share);
            open.SetLength(3);
            Assert.Equal(3, RandomAccess.GetLength(open.SafeFileHandle));
            byte[] content = new byte[8];
            Assert.Equal(3, RandomAccess.Read(open.SafeFileHandle, content, 0));
            Assert.Equal(0u, LinksOf(path));
            Assert.Equal(0u, LinksOf(folder));
        }

        share.UntilAllIsClosed();
    }

    [Fact]
    public void A_file_made_anew_under_the_same_name_is_another_one()
    {
        using var share = MountedShare.Start(sharers: Sharers, cache: CachePolicy.None);
        MakeTree(share.Host, 1_000);
        string host = Path.Combine(share.Host, "file");
        for (int i = 0; i < 20; i++)
        {
            File.WriteAllText(host, $"{i}");
            Assert.Equal($"{i}", File.ReadAllText(Path.Combine(share.Guest, "file")));
            CloseAll(share);
            File.Delete(host);
            // Its number often goes to the next file that is made.
            Directory.CreateDirectory(host);
            Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(share.Guest, "file")));
            CloseAll(share);
            Directory.Delete(host);
        }
    }

    private static uint LinksOf(SafeFileHandle file)
    {
        Assert.Equal(0, FileCall.Status(file, out NodeStatus status));
        return status.Links;
    }

    private static string Name(string root, int i) => Path.Combine(root, $"d{i % 10}", $"f{i}");

    private static void MakeTree(string root, int files)
    {
        for (int i = 0; i < 10; i++) Directory.CreateDirectory(Path.Combine(root, $"d{i}"));
        for (int i = 0; i < files; i++) File.WriteAllText(Name(root, i), $"{i}");
    }

    // More nodes are used than there are descriptors for.
    private static void CloseAll(MountedShare share)
    {
        for (int i = 2; i < 2 + (4 * Few); i++) File.ReadAllText(Name(share.Guest, i));
    }
}
