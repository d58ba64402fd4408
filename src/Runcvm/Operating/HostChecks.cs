using System.Runtime.InteropServices;
using Runcvm.Installation;
using Runcvm.Linux.Processes;
using Runcvm.Options;

namespace Runcvm.Operating;

/// <summary>What the doctor looks at in the host itself.</summary>
internal static class HostChecks
{
    // openat2(2), with which paths of images are resolved, came with 5.6.
    private static readonly Version OldestKernel = new(5, 6);

    internal static IReadOnlyList<Func<HostConfig, Finding?>> All { get; } = [User, Processor, Kernel, Virtualization, Network, FileSystems];

    private static Finding User(HostConfig config) => CurrentProcess.IsRoot
        ? Finding.Fine("user", "root")
        : Finding.Problem("user", "not root", "run it with sudo");

    private static Finding Processor(HostConfig config) => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 or Architecture.Arm64 => Finding.Fine("processor", $"{RuntimeInformation.ProcessArchitecture}, {HostFacts.Look(config, InstalledFiles.Own().Library).Cpus} CPUs"),
        var other => Finding.Problem("processor", $"{other}", "RunCVM runs on x86-64 and arm64 only"),
    };

    private static Finding Kernel(HostConfig config)
    {
        string release = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        return VersionOf(release) >= OldestKernel
            ? Finding.Fine("kernel", release)
            : Finding.Problem("kernel", $"{release} is too old", $"update the host's kernel to {OldestKernel} or later");
    }

    private static Finding Virtualization(HostConfig config)
    {
        HostFacts host = HostFacts.Look(config, InstalledFiles.Own().Library);
        if (host is { KvmExists: true, KvmIsReal: true }) return Finding.Fine("virtualization", "KVM, by the processor");
        return host.KvmExists
            ? Finding.Warning("virtualization", "/dev/kvm is there, but the processor has neither vmx nor svm: a KVM in software, under which guests crawl or abort; machines run with QEMU's TCG",
                "for speed, use a host whose processor virtualizes, or turn nested virtualization on in the layer below")
            : Finding.Warning("virtualization", "no KVM; machines run with QEMU's TCG, several times slower",
                "for speed, turn virtualization on in the firmware, and load kvm_intel or kvm_amd");
    }

    private static Finding Network(HostConfig config) => File.Exists("/dev/net/tun")
        ? Finding.Fine("network", "/dev/net/tun")
        : Finding.Problem("network", "there is no /dev/net/tun", "modprobe tun");

    private static Finding FileSystems(HostConfig config)
        => File.ReadLines("/proc/filesystems").Any(static line => line.EndsWith("\toverlay", StringComparison.Ordinal))
            ? Finding.Fine("file systems", "overlay")
            : Finding.Problem("file systems", "the kernel has no overlayfs, with which layers of images are joined", "modprobe overlay");

    /// <summary>The first two numbers of a release like 6.1.0-13-cloud-amd64.</summary>
    internal static Version VersionOf(string release)
    {
        string[] parts = release.Split('.', '-', '+', '_');
        return parts.Length >= 2 && int.TryParse(parts[0], out int major) && int.TryParse(parts[1], out int minor) ? new Version(major, minor) : new Version(0, 0);
    }
}
