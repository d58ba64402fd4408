using System.Runtime.InteropServices;
using Runcvm.Kernels;

namespace Runcvm.Tests.Kernels;

public sealed class KernelStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private KernelStore Store => new(_folder.Path, Architecture.X64);

    private void Kernel(string name)
    {
        _folder.Write($"{name}/vmlinux", "kernel");
        _folder.Write($"{name}/release", Path.GetFileName(name) + "\n");
    }

    [Fact]
    public void Without_a_choice_the_newest_version_is_taken_by_number()
    {
        Kernel("debian/6.1.0-9-cloud");
        Kernel("debian/6.1.0-56-cloud");
        Kernel("ubuntu/5.15.0-1012-kvm");
        Assert.Equal("debian/6.1.0-56-cloud", Store.Find(null).Name);
        Assert.Equal("debian/6.1.0-56-cloud", Store.Find("").Name);
        Assert.Equal("ubuntu/5.15.0-1012-kvm", Store.Find("ubuntu").Name);
        Assert.Equal(["debian/6.1.0-56-cloud", "debian/6.1.0-9-cloud", "ubuntu/5.15.0-1012-kvm"], Store.All().Select(k => k.Name));
    }

    [Fact]
    public void The_default_may_be_a_link_or_a_file()
    {
        Kernel("debian/6.1");
        Kernel("debian/6.12");
        _folder.Write("default", "debian/6.1\n");
        Assert.Equal("debian/6.1", Store.Find(null).Name);
        File.Delete(Store.DefaultPath);
        File.CreateSymbolicLink(Store.DefaultPath, "debian/6.1");
        Assert.Equal("debian/6.1", Store.Find(null).Name);
    }

    [Fact]
    public void A_kernel_knows_its_release_and_whether_it_has_modules()
    {
        Kernel("debian/6.1");
        Assert.Null(Store.Find("debian/6.1").ModulesImagePath);
        _folder.Write("debian/6.1/modules.erofs", "");
        Kernel found = Store.Find(_folder.Path + "/debian/6.1/");
        Assert.Equal("6.1", found.Release);
        Assert.Equal(_folder.Path + "/debian/6.1/modules.erofs", found.ModulesImagePath);
        Assert.Equal(_folder.Path + "/debian/6.1/vmlinux", found.VmlinuxPath);
    }

    [Fact]
    public void An_empty_store_names_the_way_out()
    {
        Assert.Contains("runcvm kernel add", Assert.Throws<UsageException>(() => Store.Find(null)).Message);
        Assert.Contains("runcvm kernel add", Assert.Throws<UsageException>(() => Store.Find("debian")).Message);
        Assert.Contains("runcvm kernel add", Assert.Throws<UsageException>(() => new KernelStore("/no/such", Architecture.X64).Find(null)).Message);
    }

    [Fact]
    public void An_absent_kernel_is_answered_with_what_is_there()
    {
        Kernel("debian/6.1");
        string message = Assert.Throws<UsageException>(() => Store.Find("debian/6.2")).Message;
        Assert.Contains("RUNCVM_KERNEL", message);
        Assert.Contains("debian/6.2", message);
        Assert.Contains("there is debian/6.1", message);
    }

    [Theory]
    [InlineData("..")]
    [InlineData("../debian/6.1")]
    [InlineData("debian/..")]
    [InlineData("debian/6.1/../6.1")]
    [InlineData("debian/.hidden")]
    [InlineData("debian/")]
    [InlineData("/debian")]
    [InlineData("/etc/passwd")]
    [InlineData("/")]
    [InlineData("debian/6.1\n")]
    public void What_cannot_be_a_kernel_of_the_store_is_refused(string choice)
    {
        Kernel("debian/6.1");
        string message = Assert.Throws<UsageException>(() => Store.Find(choice)).Message;
        Assert.Contains("RUNCVM_KERNEL", message);
        Assert.Contains(choice, message);
    }

    [Fact]
    public void Paths_do_not_escape_the_store()
    {
        Kernel("debian/6.1");
        using var outside = new TemporaryFolder();
        outside.Write("6.6/vmlinux", "kernel");
        outside.Write("6.6/release", "6.6");
        Directory.CreateSymbolicLink(Path.Combine(_folder.Path, "linked"), outside.Path);
        Directory.CreateSymbolicLink(Path.Combine(_folder.Path, "debian/6.6"), Path.Combine(outside.Path, "6.6"));
        foreach (string choice in (string[])["linked", "linked/6.6", "debian/6.6", outside.Path + "/6.6", $"{_folder.Path}/../x/6.6"])
            Assert.Throws<UsageException>(() => Store.Find(choice));
        Assert.Equal("debian/6.1", Store.Find("debian").Name);
        Assert.Equal("debian/6.1", Store.Find(null).Name);
    }

    [Fact]
    public void A_default_that_is_gone_is_named()
    {
        Kernel("debian/6.1");
        _folder.Write("default", "debian/5.10");
        Assert.Contains(Store.DefaultPath, Assert.Throws<UsageException>(() => Store.Find(null)).Message);
    }

    [Fact]
    public void Emulated_machines_take_the_kernel_that_was_built_for_them()
    {
        Kernel("debian/6.18");
        Kernel("runcvm/6.12.9");
        Assert.Equal("runcvm/6.12.9", Store.Find(null, emulated: true).Name);
        Kernel("runcvm-tcg/6.12.8");
        Assert.Equal("runcvm-tcg/6.12.8", Store.Find(null, emulated: true).Name);
        Assert.Equal("runcvm/6.12.9", Store.Find("runcvm", emulated: true).Name);
    }

    [Fact]
    public void A_real_processor_never_gets_the_kernel_without_mitigations()
    {
        Kernel("runcvm-tcg/6.12.8");
        Assert.Contains("runcvm kernel add", Assert.Throws<UsageException>(() => Store.Find(null)).Message);
        Kernel("debian/6.1");
        Assert.Equal("debian/6.1", Store.Find(null).Name);
        Assert.Contains("RUNCVM_KERNEL asks for", Assert.Throws<UsageException>(() => Store.Find("runcvm-tcg")).Message);
        _folder.Write("default", "runcvm-tcg");
        Assert.Contains("--for kvm", Assert.Throws<UsageException>(() => Store.Find(null)).Message);
        Assert.Equal("runcvm-tcg/6.12.8", Store.Find(null, emulated: true).Name);
    }

    [Fact]
    public void Removing_the_default_forgets_it()
    {
        Kernel("debian/6.1");
        Kernel("debian/6.12");
        var output = new StringWriter();
        Assert.Equal(0, KernelVerb.Run(["default", "debian/6.1"], output, Store));
        Assert.Equal(0, KernelVerb.Run(["list"], output, Store));
        Assert.Equal(0, KernelVerb.Run(["remove", "debian/6.1"], output, Store));
        Assert.Equal("the default is debian/6.1\ndebian/6.12\ndebian/6.1  (default)\nremoved debian/6.1\n", output.ToString());
        Assert.Equal("debian/6.12", Store.Find(null).Name);
        var json = new StringWriter();
        Assert.Equal(0, KernelVerb.Run(["list", "--json"], json, Store));
        Assert.StartsWith("""[{"name":"debian/6.12","default":true,"vmlinux":"/""", json.ToString(), StringComparison.Ordinal);
        Assert.Throws<UsageException>(() => KernelVerb.Run(["remove", "debian"], output, Store));
        Assert.Throws<UsageException>(() => KernelVerb.Run(["frobnicate"], output, Store));
    }
}
