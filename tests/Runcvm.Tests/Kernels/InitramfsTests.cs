using Runcvm.Kernels;

namespace Runcvm.Tests.Kernels;

public sealed class InitramfsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Kernel _kernel;
    private readonly string _init;

    public InitramfsTests()
    {
        _folder.Write("vmlinux", "kernel");
        _init = _folder.Write("runcvm-init", "program");
        _kernel = new Kernel { Name = "debian/6.1", Folder = _folder.Path, Release = "6.1" };
    }

    public void Dispose() => _folder.Dispose();

    private string Ensure() => Initramfs.EnsureFor(_kernel, _init, Path.Combine(_folder.Path, "cache"));

    [Fact]
    public void It_is_made_once()
    {
        string path = Ensure();
        DateTime made = File.GetLastWriteTimeUtc(path);
        Assert.Equal(path, Ensure());
        Assert.Equal(made, File.GetLastWriteTimeUtc(path));
    }

    [Fact]
    public void A_new_guest_program_makes_a_new_one_and_only_the_one_before_stays()
    {
        string first = Ensure();
        File.SetLastWriteTimeUtc(first, DateTime.UtcNow - TimeSpan.FromMinutes(2));
        _folder.Write("runcvm-init", "another program");
        string second = Ensure();
        File.SetLastWriteTimeUtc(second, DateTime.UtcNow - TimeSpan.FromMinutes(1));
        _folder.Write("runcvm-init", "and one more program");
        string third = Ensure();
        Assert.Equal(3, new[] { first, second, third }.Distinct().Count());
        Assert.Equal([second, third], Directory.GetFiles(Path.GetDirectoryName(third)!).OrderBy(File.GetLastWriteTimeUtc));
    }

    [Fact]
    public void Two_who_make_it_at_once_get_the_same()
    {
        string[] paths = new string[8];
        Parallel.For(0, paths.Length, i => paths[i] = Ensure());
        Assert.Single(paths.Distinct());
        Assert.Equal([paths[0]], Directory.GetFiles(Path.GetDirectoryName(paths[0])!));
    }
}
