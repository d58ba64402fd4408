using Runcvm.HostFiles;
using Runcvm.Linux.Files;
using Runcvm.Sandbox;
using Runcvm.Tests.Kernels;

namespace Runcvm.Tests.Sandbox;

public class MachineFolderTests
{
    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData(".uplinks")]
    [InlineData("a@0123456789abcdef")]
    [InlineData("../x")]
    [InlineData("a/b")]
    [InlineData("/etc")]
    [InlineData("a b")]
    [InlineData("a\n")]
    [InlineData("a\0")]
    [InlineData("ä")]
    public void An_id_that_would_lead_elsewhere_is_refused(string id)
        => Assert.Contains("is no container id", Assert.Throws<UsageException>(() => Of(id)).Message);

    [Fact]
    public void An_id_has_at_most_1024_characters()
    {
        Assert.NotNull(Of(new string('a', 1024)));
        Assert.Throws<UsageException>(() => Of(new string('a', 1025)));
    }

    [Theory]
    [InlineData("9def7c49f0940a20")]
    [InlineData("A_b+c-d.e")]
    [InlineData("pause")]
    public void An_id_names_a_folder(string id) => Assert.Equal("/run/runcvm/" + id, Of(id).FullPath);

    [Fact]
    public void Containers_of_one_id_below_two_roots_have_folders_of_their_own()
    {
        string[] folders = [.. new string?[] { null, "/run/containerd/runc/a",
            "/run/containerd/runc/b" }.Select(static root => Of("same", root).FullPath)];
        Assert.Equal(3, folders.Distinct().Count());
        Assert.All(folders, static folder => Assert.Equal("same", MachineFolder.OfKey(Path.GetFileName(folder)).Id));
    }

    [Fact]
    public void One_root_under_several_names_is_one_root()
    {
        using var folder = new TemporaryFolder();
        string real = Directory.CreateDirectory(Path.Combine(folder.Path, "real")).FullName;
        string link = Path.Combine(folder.Path, "link");
        File.CreateSymbolicLink(link, real);
        string key = Of("id", real + "/not/yet").Key;
        Assert.Matches("^id@[0-9a-f]{16}$", key);
        Assert.Equal(key, Of("id", link + "/not/yet/").Key);
        Assert.Equal(key, Of("id", real + "/./x/../not/yet").Key);
        Assert.Equal("id", Of("id", "/run/./runc").Key);
    }

    [Theory]
    [InlineData("id@short")]
    [InlineData("id@0123456789ABCDEF")]
    [InlineData("id@0123456789abcdef@0123456789abcdef")]
    [InlineData("../id@0123456789abcdef")]
    public void A_key_that_would_lead_elsewhere_is_refused(string key)
        => Assert.Throws<UsageException>(() => MachineFolder.OfKey(key));

    [Fact]
    public void Secrets_are_for_their_owner_only()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "secret");
        MachineFolder.WriteSecret(path, [1, 2, 3, 4]);
        MachineFolder.WriteSecret(path, [5]);
        Assert.Equal([5], File.ReadAllBytes(path));
        Assert.Equal(0x180u, FileStatus.TryOf(path)!.Value.Permissions);
    }

    [Fact]
    public void The_lock_of_changes_is_beside_the_folder_goes_with_it_and_is_not_waited_for_without_end()
    {
        using var root = new TemporaryFolder();
        MachineFolder machine = MachineFolder.OfKey("abc", root.Path);
        Directory.CreateDirectory(machine.FullPath);
        Directory.CreateDirectory(Path.GetDirectoryName(machine.EgressLock)!);
        Assert.DoesNotContain(machine.FullPath, machine.EgressLock, StringComparison.Ordinal);
        using (LockFile held = LockFile.TryAcquire(machine.EgressLock, TimeSpan.Zero)!)
        {
            Assert.Null(LockFile.TryAcquire(machine.EgressLock, TimeSpan.FromMilliseconds(50)));
            Assert.Equal(["abc"], MachineFolder.All(root.Path).Select(static folder => folder.Key));
        }

        using LockFile next = LockFile.TryAcquire(machine.EgressLock, TimeSpan.Zero)!;
        Assert.NotNull(next);
        // As where its holder was killed.
        machine.Remove();
        Assert.False(File.Exists(machine.EgressLock));
    }

    private static MachineFolder Of(string id, string? root = null)
        => MachineFolder.Of(id, root, static () => "/run/runc");
}
