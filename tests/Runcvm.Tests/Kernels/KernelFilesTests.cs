using System.IO.Compression;
using System.Runtime.InteropServices;
using Runcvm.Kernels;

namespace Runcvm.Tests.Kernels;

public sealed class KernelFilesTests : IDisposable
{
    private const string EnoughConfig =
        """
        CONFIG_BLK_DEV_INITRD=y
        CONFIG_DEVTMPFS=y
        CONFIG_TMPFS=y
        CONFIG_UNIX98_PTYS=y
        CONFIG_EPOLL=y
        CONFIG_EVENTFD=y
        CONFIG_SIGNALFD=y
        CONFIG_PID_NS=y
        CONFIG_VIRTIO_MMIO=m
        CONFIG_VIRTIO_BLK=m
        CONFIG_VIRTIO_NET=m
        CONFIG_VIRTIO_VSOCKETS=m
        CONFIG_EROFS_FS=m
        CONFIG_EXT4_FS=m
        CONFIG_OVERLAY_FS=m
        CONFIG_FUSE_FS=m
        CONFIG_CGROUPS=y
        CONFIG_PACKET=y
        CONFIG_INET=y
        CONFIG_PVH=y
        CONFIG_ACPI=y
        CONFIG_SERIAL_8250_CONSOLE=y
        """;

    private readonly TemporaryFolder _root = new();
    private readonly List<string> _used = [];

    public void Dispose() => _root.Dispose();

    [Fact]
    public void The_newest_kernel_of_Debians_layout_is_found_with_its_config()
    {
        _root.Write("boot/vmlinuz-6.1.0-9-cloud-amd64", "old");
        _root.Write("boot/vmlinuz-6.1.0-56-cloud-amd64", "new");
        _root.Write("boot/config-6.1.0-56-cloud-amd64", "CONFIG_PVH=y\n");
        _root.Write("boot/System.map-6.1.0-56-cloud-amd64", "");
        _root.Write("usr/lib/modules/6.1.0-56-cloud-amd64/kernel/fs/ext4.ko", "");
        using KernelFiles kernel = KernelFiles.TryFind(_root.Path, out int count)!;
        Assert.Equal(2, count);
        Assert.Equal("6.1.0-56-cloud-amd64", kernel.Release);
        Assert.Equal("new"u8.ToArray(), kernel.ReadImage());
        Assert.Equal("CONFIG_PVH=y\n"u8.ToArray(), kernel.TryReadConfig());
        using var modules = kernel.TryOpenModules();
        Assert.NotNull(modules);
    }

    [Fact]
    public void Alpines_layout_takes_the_release_from_its_modules()
    {
        _root.Write("boot/vmlinuz-virt", "kernel");
        _root.Write("lib/modules/6.6.9-0-virt/modules.dep", "");
        _root.Write("lib/modules/6.6.58-0-virt/kernel/x.ko", "");
        _root.Write("lib/modules/6.6.60-0-lts/modules.dep", "");
        using KernelFiles kernel = KernelFiles.TryFind(_root.Path, out _)!;
        Assert.Equal("6.6.58-0-virt", kernel.Release);
        Assert.Null(kernel.TryReadConfig());
    }

    [Theory]
    [InlineData("usr/lib", "vmlinuz")]
    [InlineData("lib", "vmlinuz")]
    [InlineData("usr/lib", "Image")]
    [InlineData("usr/lib", "vmlinuz-virt.efi")]
    public void A_kernel_in_the_folder_of_its_modules_is_found_with_its_config(string lib, string name)
    {
        _root.Write($"{lib}/modules/7.2.13+deb14-amd64/{name}", "kernel");
        _root.Write($"{lib}/modules/7.2.13+deb14-amd64/config", "CONFIG_PVH=y\n");
        _root.Write($"{lib}/modules/7.2.13+deb14-amd64/kernel/fs/ext4.ko", "");
        using KernelFiles kernel = KernelFiles.TryFind(_root.Path, out int count)!;
        Assert.Equal(1, count);
        Assert.Equal("7.2.13+deb14-amd64", kernel.Release);
        Assert.Equal("kernel"u8.ToArray(), kernel.ReadImage());
        Assert.Equal("CONFIG_PVH=y\n"u8.ToArray(), kernel.TryReadConfig());
        using var modules = kernel.TryOpenModules();
        Assert.NotNull(modules);
    }

    [Fact]
    public void A_kernel_that_lies_in_both_places_counts_once_and_a_rescue_kernel_not_at_all()
    {
        _root.Write("boot/vmlinuz-6.11.4-301.fc41.x86_64", "of boot");
        _root.Write("boot/vmlinuz-0-rescue-5d4c3b2a", "of some day");
        _root.Write("usr/lib/modules/6.11.4-301.fc41.x86_64/vmlinuz", "beside");
        Directory.CreateSymbolicLink(Path.Combine(_root.Path, "lib"), "usr/lib");
        using KernelFiles kernel = KernelFiles.TryFind(_root.Path, out int count)!;
        Assert.Equal(1, count);
        Assert.Equal("of boot"u8.ToArray(), kernel.ReadImage());
    }

    [Fact]
    public void Arch_has_a_name_in_boot_that_no_release_ends_with()
    {
        _root.Write("boot/vmlinuz-linux", "without a release");
        _root.Write("usr/lib/modules/6.10.1-arch1-1/vmlinuz", "kernel");
        using KernelFiles kernel = KernelFiles.TryFind(_root.Path, out int count)!;
        Assert.Equal((1, "6.10.1-arch1-1"), (count, kernel.Release));
    }

    [Fact]
    public void Nodes_that_are_for_everybody_are_kept_from_programs_of_the_image()
    {
        string[] nodes = ["# comment", "fuse fuse c10:229", "loop loop-control c10:237", "tun net/tun c10:200"];
        File.WriteAllLines(_root.Path + "/modules.devname", nodes);
        ModuleFolder.KeepNodes(_root.Path);
        Assert.Equal(nodes, File.ReadAllLines(_root.Path + "/runcvm.devname"));
        Assert.Equal([nodes[0], nodes[2]], File.ReadAllLines(_root.Path + "/modules.devname"));
    }

    [Fact]
    public void A_root_without_a_kernel_has_none()
    {
        Assert.Null(KernelFiles.TryFind(_root.Path, out _));
        _root.Write("boot/vmlinuz-virt", "a kernel without a release");
        Assert.Null(KernelFiles.TryFind(_root.Path, out int count));
        Assert.Equal(0, count);
    }

    [Fact]
    public void Links_lead_to_nothing_outside_of_the_root()
    {
        using var outside = new TemporaryFolder();
        outside.Write("secret", "the host's");
        Directory.CreateDirectory(Path.Combine(_root.Path, "boot"));
        File.CreateSymbolicLink(Path.Combine(_root.Path, "boot/vmlinuz-6.1"), Path.Combine(outside.Path, "secret"));
        using KernelFiles kernel = KernelFiles.TryFind(_root.Path, out _)!;
        Assert.Throws<UsageException>(() => kernel.ReadImage());
        Directory.Delete(Path.Combine(_root.Path, "boot"), recursive: true);
        outside.Write("boot/vmlinuz-6.1", "the host's");
        File.CreateSymbolicLink(Path.Combine(_root.Path, "boot"), Path.Combine(outside.Path, "boot"));
        Assert.Null(KernelFiles.TryFind(_root.Path, out _));
    }

    [Fact]
    public void An_image_without_a_kernel_is_told_what_was_looked_for()
    {
        string message = Assert.Throws<UsageException>(() => Ensure("")).Message;
        Assert.Contains("boot/vmlinuz-RELEASE", message);
    }

    [Fact]
    public void An_images_kernel_is_unpacked_once()
    {
        _root.Write("image/boot/Image-6.1", Arm64Kernel());
        _root.Write("image/boot/config-6.1", EnoughConfig);
        Kernel kernel = Ensure("/image");
        DateTime made = File.GetLastWriteTimeUtc(kernel.VmlinuxPath);
        Assert.Equal("6.1", kernel.Release);
        Assert.Equal(made, File.GetLastWriteTimeUtc(Ensure("/image").VmlinuxPath));
    }

    [Fact]
    public void A_small_module_that_unpacks_without_end_is_stopped()
    {
        _root.Write("image/boot/Image-6.1", Arm64Kernel());
        _root.Write("image/boot/config-6.1", EnoughConfig);
        string modules = _root.Path + "/image/lib/modules/6.1/kernel";
        Directory.CreateDirectory(modules);
        byte[] zeros = new byte[64 << 20];
        using (var packed = new GZipStream(File.Create(modules + "/bomb.ko.gz"), CompressionLevel.Fastest))
            for (int i = 0; i < 3; i++) packed.Write(zeros);
        string message = Assert.Throws<UsageException>(() => Ensure("/image")).Message;
        Assert.Contains("gzip", message, StringComparison.Ordinal);
        Assert.EndsWith("it writes more than 128 MiB", message, StringComparison.Ordinal);
        Assert.Empty(Cached());
    }

    [Fact]
    public void Kernels_of_images_go_the_longest_unused_first_and_never_one_that_a_machine_has()
    {
        for (int i = 0; i < 4; i++)
        {
            _root.Write($"{i}/boot/Image-6.1", Arm64Kernel());
            _root.Write($"{i}/boot/config-6.1", EnoughConfig);
            File.SetLastWriteTimeUtc(Ensure($"/{i}").ReleasePath, DateTime.UtcNow.AddDays(i - 4));
        }

        foreach (string key in Cached()) _root.Write($"initramfs/{key}/6.1/a.cpio", "archive");
        Assert.Equal(4, _used.Distinct().Count());
        // The oldest is a machine's.
        string kept = _used[0];
        var eviction = new ImageKernelEviction(
            _root.Path + "/cache", _root.Path + "/initramfs", () => new HashSet<string> { kept });
        Assert.Empty(eviction.Shrink(long.MaxValue));
        Assert.Equal(_used[1] + "/6.1", Assert.Single(eviction.Prune(keep: 2)).Name);
        Assert.Equal(_used[2] + "/6.1", Assert.Single(eviction.Prune(keep: 1)).Name);
        Assert.Equal(_used[3] + "/6.1", Assert.Single(eviction.Shrink(0)).Name);
        Assert.Equal([kept], Cached());
        Assert.Equal([kept], Directory.GetDirectories(_root.Path + "/initramfs").Select(Path.GetFileName));
    }

    [Fact]
    public void A_kernel_is_a_machines_before_it_is_looked_for()
    {
        _root.Write("image/boot/Image-6.1", Arm64Kernel());
        _root.Write("image/boot/config-6.1", EnoughConfig);
        Ensure("/image");
        var eviction = new ImageKernelEviction(
            _root.Path + "/cache", _root.Path + "/initramfs", static () => new HashSet<string>());
        // It goes at the last moment at which it can.
        Kernel kernel = ImageKernel.Ensure(
            _root.Path + "/image", _root.Path + "/cache", Architecture.Arm64, _ => eviction.Prune(0), out bool isNew);
        Assert.True(isNew);
        Assert.True(File.Exists(kernel.VmlinuxPath));
    }

    private Kernel Ensure(string image, Architecture machine = Architecture.Arm64)
        => ImageKernel.Ensure(_root.Path + image, _root.Path + "/cache", machine, _used.Add, out _);

    private string[] Cached() =>
        [.. Directory.GetDirectories(_root.Path + "/cache").Select(Path.GetFileName).OfType<string>()
            .Where(static name => name[0] != '.')];

    [Fact]
    public void A_kernel_that_lacks_something_is_refused_with_all_that_it_lacks()
    {
        _root.Write("image/boot/Image-6.1", Arm64Kernel());
        _root.Write("image/boot/config-6.1", EnoughConfig
            .Replace("CONFIG_EROFS_FS=m", "# CONFIG_EROFS_FS is not set", StringComparison.Ordinal)
            .Replace("CONFIG_VIRTIO_VSOCKETS=m", "", StringComparison.Ordinal));
        string message = Assert.Throws<UsageException>(() => Ensure("/image")).Message;
        Assert.Contains("boot/Image-6.1", message);
        Assert.Contains("CONFIG_EROFS_FS (the root image)", message);
        Assert.Contains("CONFIG_VIRTIO_CONSOLE or CONFIG_VIRTIO_VSOCKETS", message);
        Assert.DoesNotContain("CONFIG_EXT4_FS", message);
    }

    [Fact]
    public void A_kernel_of_another_architecture_is_refused_with_both_their_names()
    {
        _root.Write("image/boot/Image-6.1", Arm64Kernel());
        // What such a kernel lacks of what an x86-64 one needs is beside the point.
        _root.Write("image/boot/config-6.1", "CONFIG_ARM64=y\n");
        string message = Assert.Throws<UsageException>(() => Ensure("/image", Architecture.X64)).Message;
        Assert.Contains("boot/Image-6.1 is a kernel for arm64, and the machines of this host are x86-64", message);
    }

    [Fact]
    public void The_tuned_kernel_comes_before_a_newer_one_of_a_distribution()
    {
        foreach (string name in (string[])["debian/6.18.1", "runcvm/6.12.9"])
        {
            _root.Write(name + "/vmlinux", "kernel");
            _root.Write(name + "/release", "1");
        }

        Assert.Equal("runcvm/6.12.9", new KernelStore(_root.Path, Architecture.X64).Find(null).Name);
        Assert.Equal("debian/6.18.1", new KernelStore(_root.Path, Architecture.X64).Find("debian").Name);
    }

    // Documentation/arch/arm64/booting.rst: the magic at 56 is all that is looked at.
    private static byte[] Arm64Kernel()
    {
        byte[] kernel = new byte[64];
        "ARM\x64"u8.CopyTo(kernel.AsSpan(56));
        return kernel;
    }
}
