using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Tests.Kernels;

namespace Runcvm.Tests.Files;

public sealed class FolderRemovalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void All_that_is_in_a_folder_goes_with_it_and_nothing_that_links_lead_to()
    {
        string kept = Make("kept");
        File.WriteAllText(Path.Combine(kept, "file"), "kept");
        string victim = Make("victim");
        Directory.CreateDirectory(Path.Combine(victim, "a/b/c"));
        for (int i = 0; i < 1000; i++) File.WriteAllText(Path.Combine(victim, "a", $"{i}"), "");
        File.CreateSymbolicLink(Path.Combine(victim, "a/b/link"), kept);
        File.CreateSymbolicLink(Path.Combine(victim, "link"), Path.Combine(kept, "file"));
        Node.Make(Path.Combine(victim, "pipe"), FileKind.Fifo, Permission.OwnersFile);
        FolderRemoval.Remove(_folder.Path, "victim");
        Assert.Equal([kept], Directory.GetFileSystemEntries(_folder.Path));
        Assert.Equal("kept", File.ReadAllText(Path.Combine(kept, "file")));
    }

    [Fact]
    public void A_link_in_the_place_of_the_folder_goes_alone()
    {
        string kept = Make("kept");
        File.WriteAllText(Path.Combine(kept, "file"), "kept");
        File.CreateSymbolicLink(Path.Combine(_folder.Path, "victim"), kept);
        FolderRemoval.Remove(_folder.Path, "victim");
        FolderRemoval.Remove(_folder.Path, "victim");
        FolderRemoval.Remove(Path.Combine(_folder.Path, "none"), "victim");
        Assert.Equal(Path.Combine(kept, "file"),
            Assert.Single(Directory.GetFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories), File.Exists));
    }

    [Fact]
    public void Links_that_are_swapped_with_folders_meanwhile_lead_nowhere()
    {
        string kept = Make("kept");
        string sentinel = Path.Combine(kept, "file");
        File.WriteAllText(sentinel, "kept");
        for (int round = 0; round < 50; round++)
        {
            string inner = Path.Combine(Make("victim"), "inner");
            using var stop = new CancellationTokenSource();
            var swapping = new Thread(() => Swap(inner, kept, stop.Token));
            swapping.Start();
            for (int i = 0; i < 20; i++) TryRemove();
            stop.Cancel();
            swapping.Join();
            FolderRemoval.Remove(_folder.Path, "victim");
            Assert.Equal("kept", File.ReadAllText(sentinel));
        }

        void TryRemove()
        {
            try
            {
                FolderRemoval.Remove(_folder.Path, "victim");
            }
            catch (LinuxException e)
                when (e.Errno is Errno.ELOOP or Errno.ENOTDIR or Errno.ENOTEMPTY or Errno.ENOENT or Errno.EISDIR)
            {
                // The swap came between two steps.
            }
        }
    }

    [Fact]
    public void Folders_deeper_than_any_of_ours_are_left()
    {
        string path = Make("victim");
        for (int i = 0; i < 1500; i++) path = i % 100 == 0 ? Enter(path) : Path.Combine(path, "d");
        string message = Assert.Throws<IOException>(() => FolderRemoval.Remove(_folder.Path, "victim")).Message;
        Assert.Contains($"holds folders deeper than {FolderRemoval.MostLevels} levels; remove it by hand", message,
            StringComparison.Ordinal);

        static string Enter(string path)
        {
            Directory.CreateDirectory(path);
            return Path.Combine(path, "d");
        }
    }

    [Fact]
    public void More_entries_than_any_of_ours_has_are_left()
    {
        string path = Make("victim");
        for (int i = 0; i <= FolderRemoval.MostEntries; i++) File.WriteAllBytes(Path.Combine(path, $"{i}"), []);
        Assert.Contains("more than 16384 entries", Assert.Throws<IOException>(()
            => FolderRemoval.Remove(_folder.Path, "victim")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_mounted_in_it_is_not_entered()
    {
        if (!CurrentProcess.IsRoot) Assert.Skip("takes root");
        string kept = Make("kept");
        File.WriteAllText(Path.Combine(kept, "file"), "kept");
        string place = Directory.CreateDirectory(Path.Combine(Make("victim"), "inner")).FullName;
        MountPoint.Bind(kept, place);
        try
        {
            Assert.ThrowsAny<LinuxException>(() => FolderRemoval.Remove(_folder.Path, "victim"));
            Assert.True(File.Exists(Path.Combine(kept, "file")));
        }
        finally
        {
            Assert.True(MountPoint.TryDetach(place));
        }

        Assert.False(MountPoint.TryDetach(place));
        FolderRemoval.Remove(_folder.Path, "victim");
        Assert.Equal([kept], Directory.GetFileSystemEntries(_folder.Path));
    }

    private static void Swap(string inner, string kept, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Directory.CreateDirectory(inner);
                Directory.Delete(inner);
                File.CreateSymbolicLink(inner, kept);
                File.Delete(inner);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The removal was first.
            }
        }
    }

    private string Make(string name) => Directory.CreateDirectory(Path.Combine(_folder.Path, name)).FullName;
}
