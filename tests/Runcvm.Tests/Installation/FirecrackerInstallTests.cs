using Runcvm.Installation;

namespace Runcvm.Tests.Installation;

public sealed class FirecrackerInstallTests : IDisposable
{
    private const string Release = "https://github.com/firecracker-microvm/firecracker/releases/download/v1.17.0/firecracker-v1.17.0-x86_64.tgz";

    private readonly string _folder = Directory.CreateTempSubdirectory("runcvm-install-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_release_is_known_by_its_whole_address_or_by_the_name_of_its_file()
    {
        Assert.Equal(64, FirecrackerRelease.DigestOf(Release)!.Length);
        Assert.Equal(FirecrackerRelease.DigestOf(Release), FirecrackerRelease.DigestOf("/tmp/firecracker-v1.17.0-x86_64.tgz"));
        Assert.NotEqual(FirecrackerRelease.DigestOf(Release), FirecrackerRelease.DigestOf(Release.Replace("x86_64", "aarch64", StringComparison.Ordinal)));
        Assert.Null(FirecrackerRelease.DigestOf("https://example.org/firecracker-v1.17.0-x86_64.tgz"));
        Assert.Null(FirecrackerRelease.DigestOf("firecracker"));
    }

    [Fact]
    public void What_has_the_name_of_a_release_and_other_contents_is_not_installed()
    {
        string archive = Path.Combine(_folder, "firecracker-v1.17.0-x86_64.tgz");
        File.WriteAllText(archive, "no release");
        string message = Refusal(archive, null);
        Assert.Contains($"not {FirecrackerRelease.DigestOf(Release)} as the release of that name has; it was not installed", message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, "firecracker")));
    }

    [Fact]
    public void A_digest_that_was_given_counts_before_the_one_that_is_known()
        => Assert.Contains("as --sha256 says", Refusal(Written("firecracker-v1.17.0-x86_64.tgz"), new string('0', 64)), StringComparison.Ordinal);

    [Fact]
    public void An_address_of_anything_else_needs_a_digest()
        => Assert.Contains("needs --sha256", Refusal("https://example.org/firecracker-v1.17.0-x86_64.tgz", null), StringComparison.Ordinal);

    private string Refusal(string source, string? digest)
        => Assert.Throws<UsageException>(() => FirecrackerInstall.Run(source, digest, Path.Combine(_folder, "firecracker"), TextWriter.Null)).Message;

    private string Written(string name)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, "something");
        return path;
    }
}
