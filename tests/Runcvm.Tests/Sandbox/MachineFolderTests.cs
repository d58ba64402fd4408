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
    [InlineData("../x")]
    [InlineData("a/b")]
    [InlineData("/etc")]
    [InlineData("a b")]
    [InlineData("a\n")]
    [InlineData("a\0")]
    [InlineData("ä")]
    public void An_id_that_would_lead_elsewhere_is_refused(string id)
        => Assert.Contains("is no container id", Assert.Throws<UsageException>(() => MachineFolder.Of(id)).Message);

    [Fact]
    public void An_id_has_at_most_1024_characters()
    {
        Assert.NotNull(MachineFolder.Of(new string('a', 1024)));
        Assert.Throws<UsageException>(() => MachineFolder.Of(new string('a', 1025)));
    }

    [Theory]
    [InlineData("9def7c49f0940a20")]
    [InlineData("A_b+c-d.e")]
    [InlineData("pause")]
    public void An_id_names_a_folder(string id) => Assert.Equal("/run/runcvm/" + id, MachineFolder.Of(id).FullPath);

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
}
