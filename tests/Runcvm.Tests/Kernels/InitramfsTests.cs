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
    public void A_new_guest_program_makes_a_new_one_and_removes_the_old_one()
    {
        string old = Ensure();
        _folder.Write("runcvm-init", "another program");
        string path = Ensure();
        Assert.NotEqual(old, path);
        Assert.Equal([path], Directory.GetFiles(Path.GetDirectoryName(path)!));
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
