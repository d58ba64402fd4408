using System.Runtime.InteropServices;

namespace Runcvm.Kernels;

/// <summary>What RunCVM's guests cannot be without. What only some workloads need is not asked for here.</summary>
internal static class KernelNeeds
{
    // Symbols separated by a bar are alternatives.
    private static readonly (string Symbols, string For)[] Everywhere =
    [
        ("BLK_DEV_INITRD", "the first program of the guest"),
        ("DEVTMPFS", "the guest's devices"),
        ("TMPFS", "the guest's temporary files"),
        ("UNIX98_PTYS", "terminals"),
        ("EPOLL", "the first program of the guest"),
        ("EVENTFD", "the first program of the guest"),
        ("SIGNALFD", "the first program of the guest"),
        ("PID_NS", "the workload's own process numbers"),
        ("VIRTIO_MMIO", "the machine's devices"),
        ("VIRTIO_BLK", "disks"),
        ("VIRTIO_NET", "the network"),
        ("VIRTIO_CONSOLE|VIRTIO_VSOCKETS", "the stream to the host"),
        ("EROFS_FS", "the root image"),
        ("EXT4_FS", "the scratch disk"),
        ("OVERLAY_FS", "the root file system"),
        ("FUSE_FS", "volumes"),
        ("CGROUPS", "cgroups"),
        ("PACKET", "DHCP and the like"),
        ("INET", "the network"),
    ];

    private static readonly (string Symbols, string For)[] OnX64 =
    [
        ("PVH", "being started by a hypervisor directly"),
        ("ACPI|VIRTIO_MMIO_CMDLINE_DEVICES", "finding the machine's devices"),
        ("SERIAL_8250_CONSOLE", "the kernel's last words"),
    ];

    private static readonly (string Symbols, string For)[] OnArm64 =
    [
        ("SERIAL_AMBA_PL011_CONSOLE|SERIAL_8250_CONSOLE", "the kernel's last words"),
    ];

    /// <summary>What is missing, each with what it is for; empty for a kernel that will do.</summary>
    internal static List<string> MissingIn(KernelConfig config, Architecture machine)
        => [.. Everywhere.Concat(machine == Architecture.X64 ? OnX64 : OnArm64).Where(need => !need.Symbols.Split('|').Any(config.Has))
            .Select(static need => $"CONFIG_{need.Symbols.Replace("|", " or CONFIG_", StringComparison.Ordinal)} ({need.For})")];

    /// <summary>Refuses a kernel that lacks something, with all that it lacks.</summary>
    public static void Check(KernelConfig config, string name, Architecture machine)
    {
        List<string> missing = MissingIn(config, machine);
        if (missing.Count == 0) return;
        throw new UsageException($"{name} cannot run RunCVM's guests, it was built without {string.Join(", ", missing)}: take another, or 'runcvm kernel build'");
    }
}
